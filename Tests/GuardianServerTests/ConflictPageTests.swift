import GuardianCore
import GuardianServer
import GuardianTesting
import Testing

@Suite struct ConflictPageTests {
    /// The page of an operation `a` that has met a conflict between these two.
    private func withConflict(
        _ ours: String, _ theirs: String, base: String? = nil, store: any Store = MemoryStore(),
        _ body: (Visitor, String) async throws -> Void
    ) async throws {
        try await Visitor.enter("operator", store: store) { visitor in
            let more = #","payload":\#(ours)"# + (base.map { #","base":\#($0)"# } ?? "")
            try await visitor.sidecar.accept(operation("a", id: "a", more))
            try await Self.meet(ServerState(state: theirs, etag: "\"7\""), store, at: visitor.sidecar.clock.now.wall)
            try await body(visitor, try await visitor.get("/admin/operations/a").body)
        }
    }

    /// Sends what waits, as a processor would, and lets it meet this state of the server's.
    private static func meet(_ theirs: ServerState, _ store: any Store, at now: Timestamp) async throws(StoreError) {
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "test", now: now, staleAfterMs: 0) else { return }
        let claims = try await store.exchange(Exchange(fence: fence, now: now, urgent: 1, normal: 1)).claims
        let error = LastError(class: .conflict, code: "VERSION", httpStatus: 412, message: "")
        let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .failed(error), server: theirs) }
        _ = try await store.exchange(Exchange(fence: fence, now: now, settlements: settlements))
    }

    @Test("a field whose name is personal is chosen without its name ever being on the page")
    func personalNames() async throws {
        let name = "jane.doe@example.com"
        try await withConflict(#"{"\#(name)":"ours","n":1}"#, #"{"\#(name)":"theirs","n":2}"#) { visitor, page in
            #expect(!page.contains(name))
            let updated = String(try #require(page.firstMatch(of: /name="updated" value="([^"]+)"/)).1)
            _ = try await visitor.post("/admin/operations/a/resolve", [("take", "fields"), ("field:0", "server"), ("updated", updated)])
            let sent = try JSONValue(parsing: try await visitor.sidecar.store.operation(.text("a"))?.payload ?? "")
            #expect(sent[name] == "theirs")
            #expect(sent["n"] == .number("1"))
        }
    }

    @Test("a conflict of fifty thousand fields is a page like any other, with the first five hundred to choose from")
    func manyFields() async throws {
        func side(_ value: Int) -> String { "{" + (0..<50_000).map { "\"f\($0)\":\(value)" }.joined(separator: ",") + "}" }
        try await withConflict(side(1), side(2)) { visitor, page in
            #expect(page.contains("name=\"field:499\""))
            #expect(!page.contains("name=\"field:500\""))
            let updated = String(try #require(page.firstMatch(of: /name="updated" value="([^"]+)"/)).1)
            _ = try await visitor.post("/admin/operations/a/resolve", [("take", "fields"), ("field:499", "server"), ("updated", updated)])
            let sent = try JSONValue(parsing: try await visitor.sidecar.store.operation(.text("a"))?.payload ?? "")
            #expect(sent.members?.count == 50_000)
            #expect([sent["f499"], sent["f498"], sent["f49999"]] == [.number("2"), .number("1"), .number("1")])
        }
    }

    @Test("a field that one side alone has changed is that side's beforehand, shown or not; what both have changed is ours")
    func beforehand() async throws {
        func side(_ shown: String, _ last: Int) -> String {
            "{" + shown + (0..<500).map { ",\"f\($0)\":0" }.joined() + ",\"last\":\(last)}"
        }
        let base = side(#""name":"was","floor":1,"area":5,"kept":1"#, 1)
        let ours = side(#""name":"ours","floor":1.0,"area":6,"kept":1"#, 1)
        let theirs = side(#""name":"theirs","floor":2,"area":5"#, 2)
        try await withConflict(ours, theirs, base: base) { visitor, page in
            let checked = page.matches(of: /name="(field:\d+)" value="(\w+)" checked>/).map { (String($0.1), String($0.2)) }
            let choices = checked.map { "\($0.0)=\($0.1)" }
            #expect(choices == ["field:0=local", "field:1=server", "field:2=local", "field:3=server"])
            #expect(page.matches(of: /<tr class="both">/).count == 1)
            let updated = String(try #require(page.firstMatch(of: /name="updated" value="([^"]+)"/)).1)
            let form = [("take", "fields"), ("updated", updated)] + checked
            expectBack(try await visitor.post("/admin/operations/a/resolve", form), to: "/admin/operations/a")
            let sent = try JSONValue(parsing: try await visitor.sidecar.store.operation(.text("a"))?.payload ?? "")
            #expect(sent["name"] == "ours")
            #expect(sent["kept"] == nil)
            #expect([sent["floor"], sent["area"], sent["last"]] == [.number("2"), .number("6"), .number("2")])
        }
    }

    @Test("what is sent after a choice carries the server's version, not the one that was refused", arguments: ["fields", "local"])
    func version(take: String) async throws {
        try await withConflict(#"{"n":1,"version":3}"#, #"{"n":2,"version":7}"#) { visitor, page in
            let updated = String(try #require(page.firstMatch(of: /name="updated" value="([^"]+)"/)).1)
            let form = [("take", take), ("updated", updated)]
            expectBack(try await visitor.post("/admin/operations/a/resolve", form), to: "/admin/operations/a")
            let sent = try JSONValue(parsing: try await visitor.sidecar.store.operation(.text("a"))?.payload ?? "")
            #expect(sent == ["n": 1, "version": 7])
        }
    }

    @Test(
        "what was chosen between two sides is not sent over a third one that comes in the meantime",
        arguments: ["fields", "local", "server"])
    func meanwhile(take: String) async throws {
        let store = TroubledStore()
        try await withConflict(#"{"n":1}"#, #"{"n":2}"#, store: store) { visitor, page in
            let updated = String(try #require(page.firstMatch(of: /name="updated" value="([^"]+)"/)).1)
            let later = visitor.sidecar.clock.now.wall.adding(milliseconds: 1000)
            // Somebody else sends ours again, and it meets yet another edit.
            store.afterRead = { (memory: MemoryStore) async throws(StoreError) in
                let seen = try await memory.operation(.text("a"))
                let revision = seen?.revision(for: .local, newKey: UniqueID(high: 0x4000, low: 7))
                _ = try await memory.resolve(.text("a"), revision, now: later)
                try await Self.meet(ServerState(state: #"{"n":3}"#, etag: "\"8\""), memory, at: later)
            }
            let form = [("take", take), ("field:0", "local"), ("updated", updated)]
            expectBack(try await visitor.post("/admin/operations/a/resolve", form), to: "/admin/operations/a")
            let operation = try await store.operation(.text("a"))
            #expect(operation?.status == .failed)
            #expect(operation?.server == ServerState(state: #"{"n":3}"#, etag: "\"8\""))
            #expect(try await visitor.get("/admin/operations/a").body.contains("It is not that conflict any more; look again."))
        }
    }

    @Test(
        "a choice is told as an event of the engine's, and stands in the timeline", .timeLimit(.minutes(1)),
        arguments: [("local", "sent_again"), ("server", "server")])
    func isTold(take: String, resolution: String) async throws {
        try await withConflict(#"{"n":1}"#, #"{"n":2}"#) { visitor, page in
            var events = visitor.sidecar.engine.events.makeAsyncIterator()
            let updated = String(try #require(page.firstMatch(of: /name="updated" value="([^"]+)"/)).1)
            let form = [("take", take), ("updated", updated)]
            expectBack(try await visitor.post("/admin/operations/a/resolve", form), to: "/admin/operations/a")
            let told = await events.next()
            #expect(told == .conflictResolved(id: .text("a"), strategy: "manual", resolution: resolution))
            let after = try await visitor.get("/admin/operations/a").body
            #expect(after.contains("<strong>Conflict settled</strong> manual: \(resolution)"))
        }
    }
}
