import GuardianCore
import GuardianPrivacy
import HTTPTypes
import Hummingbird
import NIOCore

/// The console's pages over an open store: one file for each, and here what they share.
struct ConsolePages: Sendable {
    let console: Console
    let api: API

    var engine: SyncEngine { api.engine }
    var store: any Store { api.store }
    var views: ConsoleViews { console.views }
    var now: Timestamp { console.clock.now.wall }

    /// What a page is made of. Fragments are what changes while somebody looks: by the id of the element that holds them.
    struct Page {
        var title: String
        var section: String
        var template: String
        var data: [String: Any]
        var fragments: [(id: String, template: String)] = []
        var status = HTTPResponse.Status.ok
    }

    /// A page in its frame: header, sections, banner, and the sentence that the last action has left.
    func html(_ page: Page, _ visit: Visit) async throws -> Response {
        let pulse = await console.pulse(engine, store)
        var data = page.data
        data.merge(frame(pulse, visit)) { own, _ in own }
        for fragment in page.fragments { data["fragment_" + fragment.id] = views.render(fragment.template, data) }
        var outer = frame(pulse, visit)
        outer["title"] = page.title
        outer["sections"] = Self.sections(current: page.section, pulse)
        outer["body"] = views.render(page.template, data)
        outer["banner"] = views.render("banner", outer)
        outer["beat"] = views.render("beat", outer)
        outer["isLive"] = true
        if let sentence = console.takeSentence(visit.session) { outer["flash"] = sentence }
        return Self.html(views.render("layout", outer), status: page.status)
    }

    /// What every template may use.
    func frame(_ pulse: Pulse, _ visit: Visit) -> [String: Any] {
        [
            "csrf": visit.session.csrf, "who": visit.session.name, "role": visit.session.role.rawValue,
            "isOperator": visit.may(.operator), "isAdmin": visit.may(.admin), "upstream": console.configuration.upstream,
            "version": console.configuration.version, "assets": ConsoleViews.assetVersion, "warnings": pulse.warnings.map { ["text": $0] },
            "hasWarnings": !pulse.warnings.isEmpty, "beatPending": Show.number(pulse.books.pending),
            "beatFailed": Show.number(pulse.books.failed),
            "beatState": pulse.trouble != nil ? "trouble" : pulse.warnings.isEmpty ? "well" : "warning",
            "beatText": pulse.trouble != nil ? "store does not answer" : pulse.warnings.isEmpty ? "delivering" : "needs attention",
        ]
    }

    static func html(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        var response = Response(status: status, body: .init(byteBuffer: ByteBuffer(string: text)))
        response.headers[.contentType] = "text/html; charset=utf-8"
        return response
    }

    /// Back to a page after an action, which then shows `sentence`.
    func done(_ visit: Visit, _ sentence: String, to path: String) -> Response {
        console.tell(visit.session, sentence)
        console.forgetPulse()
        return .redirect(to: path, type: .normal)
    }

    private static func sections(current: String, _ pulse: Pulse) -> [[String: Any]] {
        let all: [(name: String, path: String, key: String)] = [
            ("Overview", "", "o"), ("Operations", "/operations", "p"), ("Failures", "/failures", "f"), ("Blocked keys", "/blocked", "b"),
            ("Alerts", "/alerts", "a"), ("Logs", "/logs", "l"), ("Jobs", "/jobs", "j"), ("Configuration", "/configuration", "c"),
            ("Audit log", "/audit", "u"),
        ]
        return all.map { section in
            var count = ""
            if section.name == "Failures", pulse.books.failed > 0 { count = Show.number(pulse.books.failed) }
            if section.name == "Alerts", !pulse.firing.isEmpty { count = "\(pulse.firing.count)" }
            return [
                "name": section.name, "path": "/admin" + section.path, "key": section.key, "isCurrent": section.name == current,
                "count": count, "hasCount": !count.isEmpty,
            ]
        }
    }

    /// Where a form wants its visitor back: one of our own pages, or `fallback`.
    static func back(_ path: String?, or fallback: String) -> String {
        guard let path, path.hasPrefix("/admin"), !path.hasPrefix("/admin/login"), !path.contains("\\"), !path.contains("//"),
            path.utf8.allSatisfy({ $0 > 32 && $0 < 127 })
        else { return fallback }
        return path
    }

    func redact(_ text: String) -> String { console.configuration.redactor.redact(text) }
    func redact(_ json: JSONValue) -> JSONValue { console.configuration.redactor.redact(json) }

    /// Writes down that somebody asks for something, and throws when that can't be written: nothing is done then.
    func ask(_ visit: Visit, _ action: String, count: Int64? = nil, _ detail: String = "") throws {
        try audit(visit, action, count: count, detail, outcome: "asked")
    }

    /// Writes down how it ended.
    func ended(_ visit: Visit, _ action: String, count: Int64? = nil, _ detail: String = "", outcome: String = "done") throws {
        try audit(visit, action, count: count, detail, outcome: outcome)
    }

    /// Runs what was asked for; when it fails, that is written down. How it ended otherwise is for the caller to write.
    func doing<Value>(
        _ visit: Visit, _ action: String, _ detail: String = "", _ work: () async throws(StoreError) -> Value
    ) async throws -> Value {
        do throws(StoreError) { return try await work() } catch {
            try ended(visit, action, (detail.isEmpty ? "" : detail + ": ") + error.description, outcome: "failed")
            throw Problem(SyncError.store(error))
        }
    }

    private func audit(_ visit: Visit, _ action: String, count: Int64?, _ detail: String, outcome: String) throws {
        let entry = AuditLog.Entry(
            at: now, who: visit.session.name, role: visit.session.role.rawValue, address: visit.address, action: action, count: count,
            detail: redact(detail), outcome: outcome)
        do { try console.audit.record(entry) } catch let error as AuditLog.Unwritable {
            throw Problem(.serviceUnavailable, "audit log can't be written", error.description)
        }
    }

    /// Runs what the store is asked for; its error becomes a problem.
    func ask<Value>(_ work: () async throws(StoreError) -> Value) async throws -> Value {
        do throws(StoreError) { return try await work() } catch { throw Problem(SyncError.store(error)) }
    }
}
