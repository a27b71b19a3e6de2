import Crypto
import HTTPTypes
import Hummingbird
import Mustache
import NIOCore

/// The console's templates, read once. Every value goes through ``HTMLText``.
struct ConsoleViews: Sendable {
    private let library: MustacheLibrary
    /// Templates that could not be read; empty, as a test sees to.
    let broken: [String]

    init() {
        var library = MustacheLibrary()
        var broken: [String] = []
        MustacheContentTypes.register(HTMLText(), named: HTMLText.name)
        for (name, text) in Templates.all {
            do { try library.register("{{% CONTENT_TYPE: \(HTMLText.name)}}\n" + text, named: name) } catch {
                broken.append("\(name): \(error)")
            }
        }
        self.library = library
        self.broken = broken
    }

    func render(_ template: String, _ data: [String: Any]) -> String { library.render(data, withTemplate: template) ?? "" }

    /// An error as a page of its own.
    func problem(_ problem: Problem) -> Response {
        let shown = problem.redacted
        let data: [String: Any] = [
            "title": shown.title, "detail": shown.detail, "code": shown.status.code, "assets": Self.assetVersion,
            "errors": shown.errors.map { ["field": $0.field, "message": $0.message] },
        ]
        var response = ConsolePages.html(render("problem", data), status: shown.status)
        response.headers.append(contentsOf: problem.headers)
        return response
    }

    /// What the console loads beside its pages, by name.
    static let assets: [String: (type: String, body: String)] = [
        "console.css": ("text/css; charset=utf-8", ConsoleStyle.text),
        "console.js": ("text/javascript; charset=utf-8", ConsoleScript.text),
        "icon.svg": ("image/svg+xml", ConsoleStyle.icon),
    ]

    /// Changes with them, so that a browser may keep each as long as it likes.
    static let assetVersion: String = {
        let all = assets.sorted { $0.key < $1.key }.map(\.value.body).joined()
        return digest(of: all)
    }()

    /// 12 hexadecimal digits that stand for a text.
    static func digest(of text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).prefix(6).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
