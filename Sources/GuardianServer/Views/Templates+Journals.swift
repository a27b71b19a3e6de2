extension Templates {
    static let journals: [String: String] = [
        "logs": logs, "logline": logLine, "configuration": configuration, "audit": audit, "jobs": jobs, "joblist": jobList,
    ]

    private static let logs = #"""
        <div class="head"><h1>Logs</h1>{{#isNewest}}<button type="button" id="tail" class="button teal" data-tail="{{tailHref}}" \#
        aria-pressed="false">Live tail</button>{{/isNewest}}</div>
        <form class="filters card" method="get" action="/admin/logs" role="search" aria-label="Filter logs">
        <div class="field grow"><label for="q">Search</label><input id="q" name="q" value="{{q}}" type="search" maxlength="256" \#
        autocomplete="off"></div>
        <div class="field"><label for="level">Level</label><select id="level" name="level">{{#levels}}\#
        <option{{#isCurrent}} selected{{/isCurrent}}>{{name}}</option>{{/levels}}</select></div>
        <div class="field"><label for="trace">Trace</label><input id="trace" name="trace" value="{{trace}}" size="12"></div>
        <div class="field"><label for="type">Operation type</label><input id="type" name="type" value="{{type}}" size="8"></div>
        <div class="field"><label for="since">Since</label><input id="since" name="since" value="{{since}}" \#
        placeholder="2026-01-31T08:00:00Z" size="14"></div>
        <div class="field buttons"><button class="primary">Filter</button> <a class="button" href="/admin/logs">Clear</a></div>
        </form>
        <section class="card" aria-label="Log lines"><div class="scroll" tabindex="0" role="region" aria-label="Log lines">\#
        <table class="rows log">
        <thead><tr><th scope="col">Time</th><th scope="col">Level</th><th scope="col">Message</th><th scope="col">Fields</th></tr></thead>
        <tbody id="lines">{{#lines}}{{> logline}}{{/lines}}</tbody></table></div>
        {{^lines}}<p class="empty" id="nolines">No line fits{{#next}} in the part that was looked through; older ones \#
        may{{/next}}.</p>{{/lines}}</section>
        {{> more}}
        """#

    private static let logLine = #"""
        <tr class="{{level}}"><td>{{#at}}{{> time}}{{/at}}</td><td><span class="level {{level}}">{{level}}</span></td>\#
        <td>{{message}}{{#errorClass}} <span class="class">{{.}}</span>{{/errorClass}}{{#lineTrace}} <a href="/admin/logs?trace={{.}}" \#
        class="id">trace</a>{{/lineTrace}}</td><td class="fields"><code>{{fields}}</code></td></tr>
        """#

    private static let configuration = #"""
        <h1>Configuration</h1>
        <p class="lead">As it is in force in this process, secrets masked.</p>
        <section class="card" aria-label="Settings"><div class="scroll" tabindex="0" role="region" aria-label="Settings">\#
        <table class="rows">
        <thead><tr><th scope="col">Key</th><th scope="col">Value</th><th scope="col">From</th></tr></thead>
        <tbody>{{#settings}}<tr><th scope="row"><code>{{key}}</code></th><td><code>{{value}}</code></td><td>{{source}}</td>\#
        </tr>{{/settings}}</tbody></table></div></section>
        """#

    private static let audit = #"""
        <h1>Audit log</h1>
        <p class="lead">Who did what here. Written to disk before anything is done, and again with how it ended. The last {{most}} \#
        entries, and of refused logins the last {{mostRefused}}; older ones stand in the files.</p>
        <section class="card" aria-label="Entries">
        {{#hasEntries}}<div class="scroll" tabindex="0" role="region" aria-label="Audit entries"><table class="rows">
        <thead><tr><th scope="col">Time</th><th scope="col">Who</th><th scope="col">From</th><th scope="col">Action</th>\#
        <th scope="col">How many</th><th scope="col">Detail</th><th scope="col">Outcome</th></tr></thead>
        <tbody>{{#entries}}<tr><td>{{#at}}{{> time}}{{/at}}</td><td>{{who}} <span class="role">{{role}}</span></td><td>{{address}}</td>\#
        <td><code>{{action}}</code></td><td class="number">{{count}}</td><td>{{detail}}</td><td><span class="state {{tone}}">{{outcome}}\#
        </span></td></tr>{{/entries}}</tbody></table></div>{{/hasEntries}}
        {{^hasEntries}}<p class="empty">Nothing has been done yet.</p>{{/hasEntries}}</section>
        {{> more}}
        """#

    private static let jobs = #"""
        <h1>Jobs</h1>
        <p class="lead">Bulk work on frozen sets, one job after the other, in the background. A job ends with this process; the audit log \#
        says how far it came.</p>
        <div id="joblist">{{{fragment_joblist}}}</div>
        """#

    private static let jobList = #"""
        {{#jobs}}<article class="card job" id="job-{{number}}"><div class="head"><h2>{{title}}</h2><span class="state {{tone}}">{{state}}\#
        </span></div>
        <progress max="100" value="{{percent}}" aria-label="Progress of job {{number}}">{{percent}} %</progress>
        <p>{{seen}} of {{total}} looked at, {{done}} {{verb}}{{extra}} · {{rate}} a second · by {{who}}</p>
        <p class="hint">{{filter}} · {{#startedAt}}{{> time}}{{/startedAt}}{{#trouble}} · {{.}}{{/trouble}}</p>
        {{#canStop}}<form method="post" action="/admin/jobs/{{number}}/stop"><input type="hidden" name="csrf" value="{{csrf}}">\#
        <button class="danger">Stop</button></form>{{/canStop}}</article>{{/jobs}}
        {{^jobs}}<p class="empty card">No bulk work was started since this process began.</p>{{/jobs}}
        """#
}
