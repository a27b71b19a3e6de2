import AsyncHTTPClient
import Foundation
import GuardianCore
import GuardianServer
import GuardianTesting
import NIOCore
import NIOHTTP1
import Testing

/// Somebody who is logged in to the console of a sidecar.
struct Visitor: Sendable {
    static let tokens = ["viewer": "viewer-0123456789abcdef", "operator": "operator-0123456789abcdef", "admin": "admin-0123456789abcdef"]

    let sidecar: Sidecar
    let cookie: String
    let csrf: String

    /// A sidecar with a console, and somebody of `role` in it. `isTimed`: the console waits by the sidecar's clock, else by the machine's.
    static func enter(
        _ role: String = "admin", store: any Store = MemoryStore(), delivers: Bool = false, isTimed: Bool = false, auditFile: String? = nil,
        change: (inout ConsoleConfiguration) -> Void = { _ in }, _ body: (Visitor) async throws -> Void
    ) async throws {
        try await withConsole(store: store, delivers: delivers, isTimed: isTimed, auditFile: auditFile, change: change) { sidecar in
            try await body(try await logIn(role, sidecar))
        }
    }

    static func withConsole(
        store: any Store = MemoryStore(), delivers: Bool = false, isTimed: Bool = false, auditFile: String? = nil,
        change: (inout ConsoleConfiguration) -> Void = { _ in }, _ body: (Sidecar) async throws -> Void
    ) async throws {
        let file = tokens.map { "\($0.key) \($0.value) \($0.key)-name" }.joined(separator: "\n")
        var configuration = ConsoleConfiguration(tokens: try AdminTokens(file: file))
        configuration.auditFile = auditFile
        change(&configuration)
        let made = configuration
        try await Sidecar.run(
            store: store, delivers: delivers, console: { Console(made, clock: isTimed ? $0 : SystemClock()) }, body)
    }

    static func logIn(_ role: String, _ sidecar: Sidecar) async throws -> Visitor {
        let answer = try await post(sidecar, "/admin/login", [("token", tokens[role] ?? "")])
        #expect(answer.status == 303 || answer.status == 302, "\(answer.status)")
        let cookie = try #require(answer.headers["set-cookie"].first?.prefix { $0 != ";" })
        let page = try await sidecar.send(.GET, "/admin", fields: [("Cookie", String(cookie)), ("Accept", "text/html")])
        let csrf = try #require(page.body.firstMatch(of: /name="csrf" value="(\w+)"/)).1
        return Visitor(sidecar: sidecar, cookie: String(cookie), csrf: String(csrf))
    }

    static func post(
        _ sidecar: Sidecar, _ path: String, _ form: [(String, String)], fields: [(String, String)] = []
    ) async throws -> Sidecar.Answer {
        var request = try sidecar.request(.POST, path, fields: [("Content-Type", "application/x-www-form-urlencoded")] + fields)
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-._~")
        func encoded(_ text: String) -> String { text.addingPercentEncoding(withAllowedCharacters: allowed) ?? "" }
        request.body = .bytes(ByteBuffer(string: form.map { encoded($0.0) + "=" + encoded($0.1) }.joined(separator: "&")))
        return try await sidecar.send(request)
    }

    func get(_ path: String, accept: String = "text/html") async throws -> Sidecar.Answer {
        try await sidecar.send(.GET, path, fields: [("Cookie", cookie), ("Accept", accept)])
    }

    func post(_ path: String, _ form: [(String, String)] = [], fields: [(String, String)] = []) async throws -> Sidecar.Answer {
        try await Self.post(sidecar, path, [("csrf", csrf)] + form, fields: [("Cookie", cookie)] + fields)
    }

    /// What a confirmation page asks for, filled in as somebody does who types what it says.
    func form(_ path: String) async throws -> [(String, String)] {
        let page = try await get(path)
        #expect(page.status == 200, "\(page.body)")
        var form: [(String, String)] = []
        for match in page.body.matches(of: /<input type="hidden" name="(\w+)" value="([^"]*)">/) where match.1 != "csrf" {
            form.append((String(match.1), String(match.2)))
        }
        if let phrase = page.body.firstMatch(of: /data-phrase="([^"]+)"/) { form.append(("phrase", String(phrase.1))) }
        return form
    }

    /// Posts what a confirmation page asks for.
    func confirm(_ path: String, to target: String? = nil) async throws -> Sidecar.Answer {
        try await post(target ?? String(path.prefix { $0 != "?" }), try await form(path))
    }

    /// Enqueues and fails these entities, in the order given; what else waits goes on waiting.
    func fail(_ entities: [String], _ message: String = "room 7 is gone") async throws {
        let store = sidecar.store
        for entity in entities {
            try await sidecar.accept(operation(entity, id: entity))
            let now = sidecar.clock.now.wall
            guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "test", now: now, staleAfterMs: 0) else {
                Issue.record("the lock is taken")
                return
            }
            let claims = try await store.exchange(Exchange(fence: fence, now: now, urgent: 1000, normal: 1000)).claims
            let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: message)
            let settlements = claims.map { claim in
                let isMeant = claim.operation.id.description == entity
                return Settlement(seq: claim.seq, id: claim.operation.id, result: isMeant ? .failed(error) : .unsent)
            }
            _ = try await store.exchange(Exchange(fence: fence, now: now, settlements: settlements))
        }
    }
}

/// Expects that an action leads back to this page, as a browser follows it.
func expectBack(_ answer: Sidecar.Answer, to path: String, at place: SourceLocation = #_sourceLocation) {
    #expect([302, 303].contains(answer.status), "\(answer.body)", sourceLocation: place)
    #expect(answer.headers["location"] == [path], sourceLocation: place)
}

/// Polls until `holds`, ten seconds at most.
func eventually(_ what: String, at place: SourceLocation = #_sourceLocation, _ holds: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
        if try await holds() { return }
        try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("\(what) never came", sourceLocation: place)
}
