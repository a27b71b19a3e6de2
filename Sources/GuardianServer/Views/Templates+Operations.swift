extension Templates {
    static let operations: [String: String] = ["operations": page, "filters": filters, "results": results]

    private static let page = #"""
        <div class="head"><h1>Operations</h1>
        {{#isOperator}}<div class="bulk" role="group" aria-label="Bulk actions on this filter">
        <a class="button purple small" data-dialog href="{{bulkRetry}}">Retry failed of these…</a>
        <a class="button small" data-dialog href="{{bulkCancel}}">Cancel these…</a></div>{{/isOperator}}</div>
        {{> filters}}
        <section class="card" aria-label="Results">{{> results}}</section>
        {{> more}}
        """#

    private static let filters = #"""
        <form class="filters card" method="get" action="/admin/operations" role="search" aria-label="Filter operations">
        <div class="field grow"><label for="q">Search</label><input id="q" name="q" value="{{q}}" type="search" placeholder="id, trace, \#
        room/r1, error text" maxlength="256" autocomplete="off"></div>
        <div class="field"><label for="status">Status</label><select id="status" name="status"><option value="">any</option>{{#statuses}}\#
        <option{{#isCurrent}} selected{{/isCurrent}}>{{name}}</option>{{/statuses}}</select></div>
        <div class="field"><label for="operation_type">Type</label><input id="operation_type" name="operation_type" \#
        value="{{operationType}}" list="types" size="8"><datalist id="types"><option>create</option><option>update</option>\#
        <option>delete</option></datalist></div>
        <div class="field"><label for="entity_type">Entity type</label><input id="entity_type" name="entity_type" value="{{entityType}}" \#
        size="10"></div>
        <div class="field"><label for="entity_id">Entity id</label><input id="entity_id" name="entity_id" value="{{entityID}}" size="10">\#
        </div>
        <div class="field"><label for="trace_id">Trace</label><input id="trace_id" name="trace_id" value="{{trace}}" size="12"></div>
        <div class="field"><label for="error_class">Error class</label><select id="error_class" name="error_class">\#
        <option value="">any</option>{{#classes}}<option{{#isCurrent}} selected{{/isCurrent}}>{{name}}</option>{{/classes}}</select></div>
        <div class="field"><label for="since">Since</label><input id="since" name="since" value="{{since}}" \#
        placeholder="2026-01-31T08:00:00Z" size="14"></div>
        <div class="field"><label for="until">Until</label><input id="until" name="until" value="{{until}}" \#
        placeholder="2026-01-31T09:00:00Z" size="14"></div>
        <div class="field"><label for="order">Order</label><select id="order" name="order">\#
        <option value="desc"{{#isNewestFirst}} selected{{/isNewestFirst}}>newest first</option>\#
        <option value="asc"{{^isNewestFirst}} selected{{/isNewestFirst}}>oldest first</option></select></div>
        {{#cause}}<input type="hidden" name="cause" value="{{.}}">{{/cause}}
        <div class="field buttons"><button class="primary">Filter</button> <a class="button" href="/admin/operations">Clear</a></div>
        {{#cause}}<p class="hint full">Only failures of one cause ({{.}}). <a href="/admin/failures">All causes</a></p>{{/cause}}
        </form>
        """#

    private static let results = #"""
        {{#hasRows}}<div class="scroll" tabindex="0" role="region" aria-label="Operations found"><table class="rows" id="results">
        <thead><tr><th scope="col">Status</th><th scope="col">Operation</th><th scope="col">Entity</th><th scope="col">Attempts</th>\#
        <th scope="col">Enqueued</th><th scope="col">Error or next step</th></tr></thead>
        <tbody>{{#rows}}{{> row}}{{/rows}}</tbody></table></div>{{/hasRows}}
        {{^hasRows}}<p class="empty">{{emptyText}}</p>{{/hasRows}}
        """#
}
