extension Templates {
    static let actions: [String: String] = ["confirm": confirm, "affected": affected]

    private static let confirm = #"""
        <div class="confirm {{color}}" id="confirm">
        <h1>{{title}}</h1>
        <p class="risk">{{risk}}</p>
        {{> affected}}
        <form method="post" action="{{action}}" class="stackform">
        <input type="hidden" name="csrf" value="{{csrf}}">
        {{#hidden}}<input type="hidden" name="{{name}}" value="{{value}}">{{/hidden}}
        {{#asksRate}}<p><label for="rate">Operations a second</label> <input id="rate" name="rate" type="number" min="1" max="1000" \#
        value="{{rate}}"></p>{{/asksRate}}
        {{#isExport}}<fieldset><legend>Format</legend><label><input type="radio" name="format" value="csv" checked> CSV</label> <label>\#
        <input type="radio" name="format" value="json"> JSON</label></fieldset>
        <p><label><input type="checkbox" name="failed_only" value="1"> Failed ones only</label></p><p><label>\#
        <input type="checkbox" name="payload" value="1"> With payloads, redacted</label></p>{{/isExport}}
        {{#phrase}}<p><label for="phrase">Type <strong>{{.}}</strong> to confirm</label>\#
        <input id="phrase" name="phrase" autocomplete="off" spellcheck="false" required data-phrase="{{.}}"></p>{{/phrase}}
        <div class="buttons"><button class="button {{color}}" id="do"{{^isPossible}} disabled{{/isPossible}}>{{button}}\#
        </button> <a class="button" href="{{back}}" data-close>Keep things as they are</a></div>
        </form>
        </div>
        """#

    private static let affected = #"""
        {{#hasCount}}<p class="affected"><strong data-count="{{rawCount}}">{{count}}\#
        </strong> {{noun}}{{#through}} <span class="hint">({{which}}; nothing that comes later joins this set)</span>{{/through}}\#
        </p>{{/hasCount}}
        {{#hasSample}}<ul class="sample" aria-label="Which operations">{{#sample}}\#
        <li>{{> status}} {{type}} {{entityType}} {{entityID}} <span class="id">{{shortID}}</span></li>{{/sample}}</ul>{{#rest}}\#
        <p class="hint">and {{.}} more</p>{{/rest}}{{/hasSample}}
        """#
}
