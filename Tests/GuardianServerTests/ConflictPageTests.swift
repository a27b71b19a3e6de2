import GuardianCore
import GuardianServer
import GuardianTesting
import Testing

@Suite struct ConflictPageTests {
    /// The page of an operation `a` that has met a conflict between these two.
    private func withConflict(_ ours: String, _ theirs: String, _ body: (Visitor, String) async throws -> Void) async throws {
        try await Visitor.enter("operator") { visitor in
            let (store, now) = (visitor.sidecar.store, visitor.sidecar.clock.now.wall)
            try await visitor.sidecar.accept(operation("a", id: "a", #","payload":\#(ours)"#))
            guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "test", now: now, staleAfterMs: 0) else { return }
            let claim = try await store.exchange(Exchange(fence: fence, now: now, urgent: 1, normal: 1)).claims[0]
            let error = LastError(class: .conflict, code: "VERSION", httpStatus: 412, message: "")
            let settlement = Settlement(
                seq: claim.seq, id: claim.operation.id, result: .failed(error), server: ServerState(state: theirs, etag: "\"7\""))
            _ = try await store.exchange(Exchange(fence: fence, now: now, settlements: [settlement]))
            try await body(visitor, try await visitor.get("/admin/operations/a").body)
        }
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
}
