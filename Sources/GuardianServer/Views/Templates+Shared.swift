extension Templates {
    /// The frame of every page, and small parts that several use.
    static let shared: [String: String] = [
        "layout": layout, "banner": banner, "beat": beat, "login": login, "problem": problem,
        "time": #"<time datetime="{{iso}}" title="{{text}} UTC">{{text}} UTC</time>"#,
        "status": #"<span class="status {{status}}">{{status}}</span>"#,
        "more": more,
    ]

    private static let layout = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{{title}} · GuardianSync</title>
        <link rel="icon" href="/admin/assets/icon.svg" type="image/svg+xml">
        <link rel="stylesheet" href="/admin/assets/console.css?{{assets}}">
        <script src="/admin/assets/console.js?{{assets}}" defer></script>
        </head>
        <body{{#isLive}} data-live{{/isLive}}>
        <a class="skip" href="#main">Skip to content</a>
        <header class="top">
        <a class="brand" href="/admin"><img src="/admin/assets/icon.svg" alt="" width="22" height="22"> GuardianSync</a>
        <span class="upstream" title="Upstream">{{upstream}}</span>
        <div id="beat" class="beat">{{{beat}}}</div>
        <span id="connection" class="connection" role="status" aria-live="polite"></span>
        <div class="tools">
        <button type="button" id="theme" class="quiet" aria-label="Switch between light and dark">◐</button>
        <button type="button" id="help" class="quiet" aria-label="Keyboard shortcuts">?</button>
        <form method="post" action="/admin/logout" class="inline">
        <input type="hidden" name="csrf" value="{{csrf}}">
        <span class="who">{{who}} <span class="role">{{role}}</span></span>
        <button class="quiet">Log out</button>
        </form>
        </div>
        </header>
        <div class="frame">
        <nav class="sections" aria-label="Sections">
        <ul>{{#sections}}
        <li><a href="{{path}}" data-go="{{key}}"{{#isCurrent}} aria-current="page"{{/isCurrent}}>{{name}}{{#hasCount}} <span \#
        class="count">{{count}}</span>{{/hasCount}}</a></li>{{/sections}}
        </ul>
        </nav>
        <main id="main" tabindex="-1">
        <div id="banner">{{{banner}}}</div>
        {{#flash}}<p class="flash" role="status">{{.}}</p>{{/flash}}
        {{{body}}}
        </main>
        </div>
        <dialog id="dialog" aria-label="Confirmation"></dialog>
        <dialog id="shortcuts" aria-labelledby="shortcuts-title">
        <h2 id="shortcuts-title">Keyboard shortcuts</h2>
        <dl class="keys">
        <dt><kbd>/</kbd></dt><dd>search</dd>
        <dt><kbd>g</kbd> then <kbd>o</kbd> <kbd>p</kbd> <kbd>f</kbd> <kbd>b</kbd></dt><dd>overview, operations, failures, blocked keys</dd>
        <dt><kbd>g</kbd> then <kbd>a</kbd> <kbd>l</kbd> <kbd>j</kbd> <kbd>c</kbd> <kbd>u</kbd></dt>\#
        <dd>alerts, logs, jobs, configuration, audit log</dd>
        <dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next and previous row</dd>
        <dt><kbd>Enter</kbd></dt><dd>open the row</dd>
        <dt><kbd>n</kbd></dt><dd>next page</dd>
        <dt><kbd>?</kbd></dt><dd>this list</dd>
        </dl>
        <p><label><input type="checkbox" id="shortcuts-on" checked> Single keys are on</label></p>
        <form method="dialog"><button>Close</button></form>
        </dialog>
        <footer class="foot">guardian {{version}} · times in your zone, UTC on hover</footer>
        </body>
        </html>
        """#

    private static let banner = #"""
        {{#hasWarnings}}<div class="banner" role="alert"><ul>{{#warnings}}<li>{{text}}</li>{{/warnings}}</ul></div>{{/hasWarnings}}
        """#

    private static let beat = #"""
        <span class="dot {{beatState}}" aria-hidden="true"></span><span class="beat-text">{{beatText}}</span>
        <span class="beat-count"><strong>{{beatPending}}</strong> pending</span>
        <span class="beat-count"><strong>{{beatFailed}}</strong> failed</span>
        """#

    private static let login = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Log in · GuardianSync</title>
        <link rel="icon" href="/admin/assets/icon.svg" type="image/svg+xml">
        <link rel="stylesheet" href="/admin/assets/console.css?{{assets}}">
        <script src="/admin/assets/console.js?{{assets}}" defer></script>
        </head>
        <body class="narrow">
        <main id="main">
        <h1><img src="/admin/assets/icon.svg" alt="" width="32" height="32"> GuardianSync</h1>
        {{#message}}<p class="flash bad" role="alert">{{.}}</p>{{/message}}
        <form method="post" action="/admin/login" class="card login">
        <input type="hidden" name="next" value="{{next}}">
        <label for="token">Token</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required autofocus spellcheck="false">
        <button class="primary">Log in</button>
        <p class="hint">One of the tokens of the file that <code>admin.token_file</code> names. A console without that file prints one \#
        when it starts.</p>
        </form>
        </main>
        </body>
        </html>
        """#

    private static let problem = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{{title}} · GuardianSync</title>
        <link rel="icon" href="/admin/assets/icon.svg" type="image/svg+xml">
        <link rel="stylesheet" href="/admin/assets/console.css?{{assets}}">
        <script src="/admin/assets/console.js?{{assets}}" defer></script>
        </head>
        <body class="narrow">
        <main id="main">
        <p class="code">{{code}}</p>
        <h1>{{title}}</h1>
        <p>{{detail}}</p>
        {{#errors}}<p><code>{{field}}</code> {{message}}</p>{{/errors}}
        <p><a href="/admin">Back to the overview</a></p>
        </main>
        </body>
        </html>
        """#

    private static let more = #"""
        <nav class="pages" aria-label="Pages">
        {{#isPartial}}<p class="hint" id="partial">Searched a part of the queue so far; more may match.</p>{{/isPartial}}
        {{#first}}<a class="button" href="{{.}}">First page</a>{{/first}}
        {{#next}}<a class="button" id="next" rel="next" href="{{.}}"{{#isPartial}} data-searching{{/isPartial}}>{{#isPartial}}Search \#
        further{{/isPartial}}{{^isPartial}}Next page{{/isPartial}}</a>{{/next}}
        </nav>
        """#
}
