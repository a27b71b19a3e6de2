import GuardianCore

/// One self-contained HTML page: nothing is loaded, no script runs; light or dark as the reader's system is.
public struct ReportPage: Sendable {
    /// Plain text: it is escaped here.
    public var title: String
    /// HTML, which goes in as it is.
    public var body: String

    /// Whatever is not ours in `body` must be escaped already.
    public init(title: String, body: String) {
        self.title = title
        self.body = body
    }

    /// The whole document, its style included, to be written to a file as it is.
    public var html: String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>\(Plot.escape(title))</title><style>\(Self.style)</style></head><body><main>\(body)</main></body></html>

        """
    }

    private static let style = """
        :root{color-scheme:light dark;--bg:#f7f8fa;--card:#fff;--ink:#1b1f24;--soft:#59636e;--rule:#dfe3e8;--good:#1a7f37;--bad:#c9252d;
        --c1:#2563c9;--c2:#d9580d;--c3:#13806b;--c4:#8a3fc7;--c5:#b5176f;--c6:#7a6200;--c7:#5b6675;
        --closed:#d9f2df;--open:#fbd6d6;--half:#fdeeb8}
        @media(prefers-color-scheme:dark){:root{--bg:#0f1318;--card:#181e25;--ink:#e6eaef;--soft:#9aa6b2;--rule:#2b333d;
        --good:#4cc26a;--bad:#ff7b78;--c1:#6ea8ff;--c2:#ff9d5c;--c3:#4fd1b5;--c4:#c797f5;--c5:#ff85c0;--c6:#d9c25a;--c7:#aeb9c6;
        --closed:#163222;--open:#4a1f22;--half:#463a12}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
        main{max-width:1100px;margin:0 auto;padding:28px 20px 60px}h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:0}
        .facts{color:var(--soft);margin:0 0 20px}
        section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:18px 20px;margin:18px 0}
        .head{display:flex;gap:12px;align-items:baseline;flex-wrap:wrap}
        .verdict{font-weight:600}.good{color:var(--good)}.bad{color:var(--bad)}
        table{border-collapse:collapse;width:100%;margin:10px 0;font-variant-numeric:tabular-nums}
        th,td{text-align:left;padding:4px 10px 4px 0;border-bottom:1px solid var(--rule);vertical-align:top}
        th{color:var(--soft);font-weight:500}td.n,th.n{text-align:right;white-space:nowrap}.scroll{overflow-x:auto}
        .plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(430px,100%),1fr));gap:14px}figure{margin:8px 0;min-width:0}
        figcaption{font-weight:500;margin-bottom:2px}svg{width:100%;height:auto;display:block}
        .grid{stroke:var(--rule)}.axis{stroke:var(--soft)}text{fill:var(--soft);font-size:11px;font-family:inherit}.name{font-size:12px}
        .stroke{fill:none;stroke-width:2;stroke-linejoin:round}.fill{stroke:none}
        .c1.stroke{stroke:var(--c1)}.c2.stroke{stroke:var(--c2)}.c3.stroke{stroke:var(--c3)}.c4.stroke{stroke:var(--c4)}
        .c5.stroke{stroke:var(--c5)}.c6.stroke{stroke:var(--c6)}.c7.stroke{stroke:var(--c7)}
        .c1.fill{fill:var(--c1)}.legend{display:flex;gap:14px;flex-wrap:wrap;color:var(--soft);font-size:13px}
        .legend i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:5px;vertical-align:-1px;
        border:1px solid var(--rule)}
        @media print{body{background:#fff}section{break-inside:avoid}}
        """

    /// A table; columns in `numbers` stand to the right.
    static func table(_ head: [String], _ rows: [[String]], numbers: Set<Int> = []) -> String {
        func cell(_ tag: String, _ text: String, _ column: Int) -> String {
            "<\(tag)\(numbers.contains(column) ? " class=\"n\"" : "")>\(text)</\(tag)>"
        }
        let top = head.enumerated().map { cell("th", Plot.escape($1), $0) }.joined()
        let body = rows.map { row in "<tr>" + row.enumerated().map { cell("td", $1, $0) }.joined() + "</tr>" }.joined()
        return "<div class=\"scroll\"><table><thead><tr>\(top)</tr></thead><tbody>\(body)</tbody></table></div>"
    }
}
