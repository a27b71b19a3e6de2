extension Templates {
    static let operation: [String: String] = ["operation": page, "gone": gone, "facts": facts, "timeline": timeline, "conflict": conflict]

    private static let page = #"""
        <div class="head"><h1><span class="type">{{type}}</span> {{entityType}} {{entityID}}</h1>
        {{#isOperator}}<div class="bulk" role="group" aria-label="Actions on this operation">
        {{#isFailed}}<form method="post" action="{{href}}/retry" class="inline"><input type="hidden" name="csrf" value="{{csrf}}">\#
        <button class="button purple small">Retry</button></form>{{/isFailed}}
        {{^isProcessing}}<a class="button red small" data-dialog href="{{href}}/cancel">Cancel…</a>{{/isProcessing}}</div>{{/isOperator}}\#
        </div>
        <p class="idline"><code>{{id}}</code></p>
        <div class="columns even">
        <section class="card" aria-labelledby="facts-title"><h2 id="facts-title">State</h2><div id="facts">{{{fragment_facts}}}</div>\#
        </section>
        <section class="card" aria-labelledby="timeline-title"><h2 id="timeline-title">Attempts</h2>\#
        <div id="timeline">{{{fragment_timeline}}}</div></section>
        </div>
        {{#hasConflict}}{{> conflict}}{{/hasConflict}}
        <div class="columns even">
        <section class="card" aria-labelledby="payload-title"><h2 id="payload-title">Payload <span class="hint">redacted</span>\#
        </h2>{{#payload}}<pre tabindex="0" role="region" aria-label="Payload">{{.}}</pre>{{/payload}}{{^payload}}\#
        <p class="empty">None.</p>{{/payload}}</section>
        <section class="card" aria-labelledby="base-title"><h2 id="base-title">Base <span class="hint">redacted</span></h2>{{#base}}\#
        <pre tabindex="0" role="region" aria-label="Base">{{.}}</pre>{{/base}}{{^base}}\#
        <p class="empty">None was given: what the entity was when it was edited.</p>{{/base}}</section>
        </div>
        {{#asRequest}}<section class="card" aria-labelledby="request-title"><h2 id="request-title">As it would be sent <span \#
        class="hint">redacted, the token masked</span></h2>
        {{#text}}<pre tabindex="0" role="region" aria-label="Request">{{.}}</pre>{{/text}}{{#reason}}\#
        <p class="empty">No request can be shown: {{.}}</p>{{/reason}}{{#notes}}<p class="hint">{{.}}</p>{{/notes}}</section>{{/asRequest}}
        """#

    private static let gone = #"""
        <h1>No longer stored</h1>
        <p class="idline"><code>{{id}}</code></p>
        <section class="card" aria-labelledby="gone-title"><h2 id="gone-title">What became of it</h2><p>{{text}}</p></section>
        <section class="card" aria-labelledby="timeline-title"><h2 id="timeline-title">Attempts</h2>{{{fragment_timeline}}}</section>
        """#

    private static let facts = #"""
        <p class="explain {{explainTone}}"><strong>{{explainReason}}</strong> {{#explainDetail}}{{said}}{{#command}}<code>{{.}}\#
        </code>{{/command}}{{/explainDetail}}{{#explainUntil}} (<span data-until="{{.}}">\#
        </span>){{/explainUntil}}{{#explainBy}} <a href="{{href}}">Open {{shortID}}</a>{{/explainBy}}</p>
        <dl class="facts">
        <dt>Status</dt><dd>{{> status}}</dd>
        <dt>Number</dt><dd>{{seq}}</dd>
        <dt>Ordering key</dt><dd>{{orderingKey}}</dd>
        <dt>Trace</dt><dd><a href="/admin/operations?trace_id={{trace}}"><code>{{trace}}</code>\#
        </a> · <a href="/admin/logs?trace={{trace}}">logs</a></dd>
        <dt>Idempotency key</dt><dd><code>{{key}}</code></dd>
        <dt>Priority</dt><dd>{{priority}}</dd>
        {{#principal}}<dt>Principal</dt><dd><code class="id">{{.}}</code></dd>{{/principal}}
        {{#txnToken}}<dt>Transaction</dt><dd>{{.}}</dd>{{/txnToken}}
        <dt>Enqueued</dt><dd>{{#enqueued}}{{> time}}{{/enqueued}}</dd>
        {{#notBefore}}<dt>Not before</dt><dd>{{> time}}</dd>{{/notBefore}}
        {{#expires}}<dt>Expires</dt><dd>{{> time}}</dd>{{/expires}}
        {{#lastAttempt}}<dt>Last attempt</dt><dd>{{> time}}</dd>{{/lastAttempt}}
        {{#nextRetry}}<dt>Next retry</dt><dd>{{> time}}</dd>{{/nextRetry}}
        <dt>Attempts</dt><dd>{{attempts}} counted, {{tries}} made</dd>
        <dt>Backoff</dt><dd>{{backoff}}</dd>
        {{#error}}<dt>Last error</dt><dd><span class="class">{{class}}</span> {{code}}{{#http}} · HTTP {{.}}{{/http}}<br>{{message}}\#
        </dd>{{/error}}
        </dl>
        """#

    private static let timeline = #"""
        <ol class="timeline">
        {{#steps}}<li class="{{tone}}"><div class="when">{{#at}}{{> time}}{{/at}}</div><div><strong>{{name}}</strong> {{text}}{{#waits}}\#
        <div class="hint">waits {{.}}</div>{{/waits}}</div></li>{{/steps}}
        </ol>
        <p class="hint">{{note}}</p>
        """#

    private static let conflict = #"""
        <section class="card conflict" aria-labelledby="conflict-title"><h2 id="conflict-title">Conflict</h2>
        <p>{{conflictText}}</p>
        <form method="post" action="{{href}}/resolve"><input type="hidden" name="csrf" value="{{csrf}}">\#
        <input type="hidden" name="updated" value="{{updated}}">
        <div class="scroll" tabindex="0" role="region" aria-label="Both sides"><table class="sides">
        <thead><tr><th scope="col">Field</th><th scope="col">Base</th><th scope="col">Ours</th><th scope="col">Server</th></tr></thead>
        <tbody>{{#fields}}<tr class="{{tone}}"><th scope="row">{{name}}</th><td><code>{{base}}</code></td>
        {{#isChoice}}<td><label><input type="radio" name="field:{{place}}" value="local"{{^isServers}} checked{{/isServers}}> \#
        <code>{{local}}</code></label></td><td><label><input type="radio" name="field:{{place}}" value="server"{{#isServers}} \#
        checked{{/isServers}}> <code>{{server}}</code></label></td>{{/isChoice}}
        {{^isChoice}}<td><code>{{local}}</code></td><td><code>{{server}}</code></td>{{/isChoice}}</tr>{{/fields}}</tbody></table></div>
        {{#isOperator}}<div class="buttons"><button class="primary" name="take" value="fields">Send what is chosen</button> <button \#
        name="take" value="local">Take ours</button> <button name="take" value="server" class="danger">Let the server's stand</button>\#
        </div>{{/isOperator}}
        </form></section>
        """#
}
