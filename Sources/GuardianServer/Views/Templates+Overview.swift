extension Templates {
    static let overview: [String: String] = [
        "overview": page, "tiles": tiles, "delivery": delivery, "charts": charts, "recent": recent, "queue": queue, "actioncards": cards,
        "row": row,
    ]

    private static let page = #"""
        <div class="standing" role="note"><strong>Live queue.</strong> Actions here work on real data at once, and each is written to the \#
        audit log.</div>
        <h1>Overview</h1>
        <section aria-label="Metrics"><div id="tiles" class="tiles">{{{fragment_tiles}}}</div></section>
        <div class="columns">
        <section class="card wide" aria-labelledby="charts-title">
        <div class="head"><h2 id="charts-title">Trends</h2>
        <div class="segments" role="group" aria-label="Time span">{{#spans}}<a href="/admin?span={{value}}"{{#isCurrent}} \#
        aria-current="true"{{/isCurrent}}>{{name}}</a>{{/spans}}</div></div>
        <div id="charts" class="charts">{{{fragment_charts}}}</div>
        </section>
        <div class="stack">
        <section class="card" aria-labelledby="queue-title"><h2 id="queue-title">Queue status</h2><div id="queue">{{{fragment_queue}}}\#
        </div></section>
        <section class="card" aria-labelledby="delivery-title"><h2 id="delivery-title">Delivery</h2>\#
        <div id="delivery">{{{fragment_delivery}}}</div></section>
        </div>
        </div>
        <section aria-labelledby="actions-title"><h2 id="actions-title">Actions</h2>{{> actioncards}}</section>
        <section class="card" aria-labelledby="recent-title">
        <div class="head"><h2 id="recent-title">Last 10 operations</h2><a href="/admin/operations?order=desc">All operations</a></div>
        <div id="recent">{{{fragment_recent}}}</div>
        </section>
        """#

    private static let tiles = #"""
        {{#tiles}}<a class="tile {{tone}}" href="{{href}}"><span class="label">{{label}}</span>\#
        <span class="value" data-value="{{raw}}">{{value}}</span><span class="note">{{note}}</span></a>{{/tiles}}
        """#

    private static let queue = #"""
        <dl class="facts">
        <dt>Pending</dt><dd id="queue-pending">{{pending}}</dd>
        <dt>Processing</dt><dd>{{processing}}</dd>
        <dt>Failed</dt><dd id="queue-failed" class="{{failedTone}}">{{failed}}</dd>
        <dt>Index entries</dt><dd id="queue-index">{{indexEntries}}</dd>
        <dt>Books</dt><dd>{{booksText}}</dd>
        {{#oldest}}<dt>Oldest pending</dt><dd>{{> time}}</dd>{{/oldest}}
        </dl>
        {{#explanation}}<p class="hint">{{#detail}}{{said}}{{#command}}<code>{{.}}</code>{{/command}}{{/detail}}</p>{{/explanation}}
        {{#reasons}}<a class="chip" href="{{href}}">{{name}} <strong>{{count}}</strong></a> {{/reasons}}
        """#

    private static let delivery = #"""
        <dl class="facts">
        <dt>Breaker</dt><dd><span class="state {{breakerTone}}">{{breaker}}</span>{{#breakerUntil}} probe <span data-until="{{.}}">\#
        </span>{{/breakerUntil}}</dd>
        <dt>Trips</dt><dd>{{trips}}</dd>
        {{#holdUntil}}<dt>Hold</dt><dd><span class="state warning">asked to wait</span> <span data-until="{{.}}"></span></dd>{{/holdUntil}}
        {{#shared}}<dt>Processors</dt><dd>{{.}}</dd>{{/shared}}
        {{#seats}}<dt>Lock</dt><dd><code class="id" title="{{owner}}">{{short}}</code> epoch {{epoch}}{{#isOurs}} · this \#
        process{{/isOurs}}</dd>
        <dt>Heartbeat</dt><dd><span data-ago="{{heartbeat}}"></span></dd>
        <dt>Lease</dt><dd>stale <span data-until="{{staleAt}}"></span></dd>{{/seats}}
        {{#moreSeats}}<dt>Lock</dt><dd>and {{.}} more</dd>{{/moreSeats}}
        {{^seats}}<dt>Lock</dt><dd><span class="state bad">free</span></dd>{{/seats}}
        {{#pauses}}<dt>Paused</dt><dd><span class="state bad">{{.}}</span></dd>{{/pauses}}
        </dl>
        {{#isOperator}}<form method="post" action="/admin/actions/{{pauseAction}}" class="inline">\#
        <input type="hidden" name="csrf" value="{{csrf}}"><button class="small">{{pauseLabel}}</button></form>{{/isOperator}}
        """#

    private static let charts = #"""
        {{#charts}}<figure class="chart {{kind}}"><figcaption>{{title}} <span class="now">{{now}}</span></figcaption>{{{svg}}}
        <div class="legend" aria-hidden="true">{{#legend}}<span class="{{tone}}">{{name}}</span>{{/legend}}\#
        <span class="range">{{from}} – now</span></div></figure>{{/charts}}
        """#

    private static let recent = #"""
        {{#hasRows}}<div class="scroll" tabindex="0" role="region" aria-label="Last operations"><table class="rows">
        <thead><tr><th scope="col">Status</th><th scope="col">Operation</th><th scope="col">Entity</th><th scope="col">Attempts</th>\#
        <th scope="col">Enqueued</th><th scope="col">Error or next step</th></tr></thead>
        <tbody>{{#rows}}{{> row}}{{/rows}}</tbody></table></div>{{/hasRows}}
        {{^hasRows}}<p class="empty">Nothing is stored. What is enqueued shows up here.</p>{{/hasRows}}
        """#

    private static let row = #"""
        <tr class="{{status}}"><td>{{> status}}</td>
        <td><a class="open" href="{{href}}"><span class="type">{{type}}</span> <span class="id">{{shortID}}</span></a></td>
        <td class="entity"><span class="etype">{{entityType}}</span> {{entityID}}</td>
        <td class="number">{{attempts}}</td>
        <td>{{#enqueued}}{{> time}}{{/enqueued}}</td>
        <td class="why">{{#error}}<span class="class">{{class}}</span> {{code}} <span class="message">{{message}}\#
        </span>{{/error}}{{#retryAt}} <span class="retry">retry <span data-until="{{.}}"></span></span>{{/retryAt}}</td></tr>
        """#

    private static let cards = #"""
        <div class="actions">
        <article class="action orange"><h3>Force release lock</h3><p>Fences off whoever delivers. Requests that it has on the wire may be \#
        sent again, with the same key.</p>
        <p class="needs">needs the role admin · typed confirmation</p>{{#isAdmin}}\#
        <a class="button orange" data-dialog href="/admin/actions/force-release-lock">Force release lock</a>{{/isAdmin}}</article>
        <article class="action blue"><h3>Rebuild index</h3><p>Computes lines and heads anew from the operations. Nothing is lost; writers \#
        wait while it runs.</p>
        <p class="needs">needs the role admin</p>{{#isAdmin}}<a class="button blue" data-dialog \#
        href="/admin/actions/rebuild-index">Rebuild index</a>{{/isAdmin}}</article>
        <article class="action green"><h3>Export operations</h3><p>Downloads what is stored, redacted. It may still say much about \#
        people: keep it safe.</p>
        <p class="needs">needs the role operator</p>{{#isOperator}}<a class="button green" data-dialog \#
        href="/admin/actions/export">Export operations</a>{{/isOperator}}</article>
        <article class="action red"><h3>Clear failed</h3><p>Removes every failed operation for good. Their changes will never reach the \#
        upstream.</p>
        <p class="needs">needs the role admin · typed confirmation</p>{{#isAdmin}}\#
        <a class="button red" data-dialog href="/admin/actions/clear-failed">Clear failed</a>{{/isAdmin}}</article>
        <article class="action purple"><h3>Retry all failed</h3><p>Puts failed operations back at their old place, paced. What failed for \#
        a reason that still holds fails again.</p>
        <p class="needs">needs the role operator</p>{{#isOperator}}<a class="button purple" data-dialog \#
        href="/admin/actions/retry-all-failed">Retry all failed</a>{{/isOperator}}</article>
        <article class="action teal"><h3>View logs</h3><p>Looks, and changes nothing. Redacted.</p>
        <p class="needs">open to every role</p><a class="button teal" href="/admin/logs">View logs</a></article>
        </div>
        """#
}
