import Foundation
import GuardianCore
import Hummingbird
import NIOCore

extension ConsolePages {
    /// Server-sent events for one page: whatever of it has changed since the last beat, as HTML.
    func live(_ visit: Visit) -> Response {
        let target = visit.query("of") ?? "/admin"
        let beats = console.beats()
        return .eventStream(greeting: "live", backlog: 256) { sender in
            var sent: [String: String] = [:]
            for await _ in beats {
                guard let pulse = console.lastPulse else { continue }
                guard console.session(visit.cookie, keepsAlive: false) != nil else {
                    sender.send("ended", (["reason": "session"] as JSONValue).text)
                    return
                }
                for (id, html) in await fragments(of: target, pulse, visit) where sent[id] != html {
                    // The first of each too: it may have changed since the page was made.
                    sender.send("fragment", (["id": .string(id), "html": .string(html)] as JSONValue).text)
                    sent[id] = html
                }
                sender.send("beat", (["at": .string(pulse.at.rfc3339)] as JSONValue).text)
            }
        }
    }

    /// The parts of a page that change, as they are now.
    private func fragments(of target: String, _ pulse: Pulse, _ visit: Visit) async -> [(String, String)] {
        let frame = frame(pulse, visit)
        var parts = [("banner", views.render("banner", frame)), ("beat", views.render("beat", frame))]
        var head = visit.request.head
        head.path = target
        let inner = Visit(
            request: Request(head: head, body: .init(buffer: ByteBuffer())), session: visit.session, cookie: visit.cookie,
            address: visit.address)
        let page: Page?
        // A page that can't be made now keeps what it shows; the banner says what is wrong.
        do {
            switch inner.request.uri.path {
            case "/admin", "/admin/": page = try await overview(inner)
            case "/admin/failures": page = try await failures()
            case "/admin/alerts": page = await alerts()
            case "/admin/jobs": page = jobs(inner)
            case let path where path.hasPrefix("/admin/operations/"):
                let name = String(path.dropFirst("/admin/operations/".count))
                page = try await OperationID(name.removingPercentEncoding ?? name).asyncMap { try await operation($0, inner) }
            default: page = nil
            }
        } catch { page = nil }
        guard let page else { return parts }
        let data = page.data.merging(frame) { own, _ in own }
        parts += page.fragments.map { ($0.id, views.render($0.template, data)) }
        return parts
    }

    /// Lines of the log from now on.
    func tail(_ visit: Visit) throws -> Response {
        let lines = console.logs.tail(try logQuery(visit))
        return .eventStream(greeting: "live", backlog: 256) { sender in
            for await line in lines {
                guard console.session(visit.cookie, keepsAlive: false) != nil else { return }
                sender.send("line", (["html": .string(views.render("logline", Self.line(line)))] as JSONValue).text)
            }
        }
    }
}

extension Optional {
    fileprivate func asyncMap<Value>(_ transform: (Wrapped) async throws -> Value) async rethrows -> Value? {
        guard let self else { return nil }
        return try await transform(self)
    }
}
