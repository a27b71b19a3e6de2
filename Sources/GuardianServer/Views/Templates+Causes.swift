extension Templates {
    static let causes: [String: String] = [
        "failures": failures, "groups": groups, "blocked": blocked, "alerts": alerts, "alertlist": alertList,
    ]

    private static let failures = #"""
        <h1>Failures</h1>
        <p class="lead">One line for each cause: what failed in the same way for the same reason.</p>
        <div id="groups">{{{fragment_groups}}}</div>
        """#

    private static let groups = #"""
        {{#groups}}<article class="card group"><div class="head"><h2><span class="class">{{class}}\#
        </span> {{code}}{{#http}} <span class="http">HTTP {{.}}</span>{{/http}}</h2><span class="big">{{count}}</span></div>
        <p class="message">{{message}}</p>
        <p class="next"><strong>Next step:</strong> {{step}}</p>
        <dl class="facts across"><dt>Enqueued first</dt><dd>{{#firstAt}}{{> time}}{{/firstAt}}, \#
        failed {{#firstFailedAt}}{{> time}}{{/firstFailedAt}} <a href="{{firstHref}}">open</a> · <a \#
        href="/admin/logs?trace={{firstTrace}}">trace</a></dd>
        <dt>Enqueued last</dt><dd>{{#lastAt}}{{> time}}{{/lastAt}}, failed {{#lastFailedAt}}{{> time}}{{/lastFailedAt}} <a \#
        href="{{lastHref}}">open</a> · <a href="/admin/logs?trace={{lastTrace}}">trace</a></dd></dl>
        <div class="buttons"><a class="button" href="{{listHref}}">Show all {{count}}\#
        </a>{{#isOperator}} <a class="button purple" data-dialog href="{{retryHref}}">Retry group…</a> <a class="button" data-dialog \#
        href="{{cancelHref}}">Cancel group…</a>{{/isOperator}}</div></article>{{/groups}}
        {{^groups}}<p class="empty card">Nothing has failed.</p>{{/groups}}
        """#

    private static let blocked = #"""
        <h1>Blocked ordering keys</h1>
        <p class="lead">Operations of one key go one at a time. Here is who holds up whom, and until when; what holds up everybody stands \#
        in the banner.</p>
        <section class="card" aria-label="Blocked keys">
        {{#hasKeys}}<div class="scroll" tabindex="0" role="region" aria-label="Blocked keys"><table class="rows">
        <thead><tr><th scope="col">Ordering key</th><th scope="col">Held up by</th><th scope="col">Why</th><th scope="col">Until</th>\#
        <th scope="col">Behind</th></tr></thead>
        <tbody>{{#keys}}<tr><td class="entity">{{key}}</td><td><a class="open" href="{{href}}"><span class="type">{{type}}\#
        </span> <span class="id">{{shortID}}</span></a></td><td class="why"><span class="class">{{reason}}</span> {{text}}</td>\#
        <td>{{#until}}<span data-until="{{.}}"></span>{{/until}}</td><td class="number">{{behind}}</td></tr>{{/keys}}</tbody></table>\#
        </div>{{/hasKeys}}
        {{^hasKeys}}<p class="empty">No key is blocked.</p>{{/hasKeys}}
        </section>
        {{> more}}
        """#

    private static let alerts = #"""
        <h1>Alerts</h1>
        <p class="lead">Evaluated in this process. Each fires and clears with hysteresis, and needs enough traffic to mean something.</p>
        <div id="alertlist">{{{fragment_alertlist}}}</div>
        """#

    private static let alertList = #"""
        {{#alerts}}<article class="card alert {{tone}}"><div class="head"><h2>{{name}}</h2><span class="state {{tone}}">{{state}}</span>\#
        </div>
        <p>{{message}}</p><p class="next"><strong>Next step:</strong> {{action}}</p>
        {{#evidence}}<p>{{count}} {{status}} now{{#oldest}} · enqueued first {{#at}}{{> time}}{{/at}} <a href="{{href}}">open</a> · <a \#
        href="/admin/logs?trace={{trace}}">trace</a>{{/oldest}}{{#newest}} · enqueued last {{#at}}{{> time}}{{/at}} <a \#
        href="{{href}}">open</a> · <a href="/admin/logs?trace={{trace}}">trace</a>{{/newest}}</p>{{/evidence}}
        <p class="hint">Severity {{severity}}{{#since}} · since {{> time}}{{/since}}</p>
        <div class="buttons">{{#lists}}<a class="button" href="{{href}}">{{text}}</a> {{/lists}}</div></article>{{/alerts}}
        {{^alerts}}<p class="empty card">No alert is set up in this process.</p>{{/alerts}}
        """#
}
