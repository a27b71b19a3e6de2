import GuardianCore
import GuardianTesting
import Testing

/// What a person's choice makes of a conflict.
@Suite struct ChoiceTests {
    private static let key = UniqueID(high: 0x4000, low: 7)

    private static func conflict(_ payload: String?, type: String = "update", server: ServerState?) -> Operation {
        var operation = Operation(
            id: .text("a"), idempotencyKey: UniqueID(high: 0x4000, low: 1), traceID: UniqueID(high: 0x4000, low: 2), type: type,
            entity: EntityKey(type: "room", id: "r"), payload: payload, enqueuedAt: Timestamp(milliseconds: 0))
        operation.server = server
        return operation
    }

    @Test(
        "what a person sends again has the server's values in the system fields it carries, and gains none",
        arguments: [ConflictChoice.local, .payload(#"{"id":"r","version":3,"updated_at":"then","name":"ours"}"#)])
    func systemFields(choice: ConflictChoice) throws {
        let state = #"{"name":"theirs","version":7,"updated_at":"now","created_at":"once"}"#
        let operation = Self.conflict(
            #"{"id":"r","version":3,"updated_at":"then","name":"ours"}"#, server: ServerState(state: state, etag: "\"7\""))
        let revision = try #require(operation.revision(for: choice, newKey: Self.key))
        let sent = try JSONValue(parsing: revision.payload ?? "")
        #expect(sent == ["id": "r", "version": 7, "updated_at": "now", "name": "ours"])
        #expect(revision.type == "update")
        #expect(revision.base == state)
        #expect(revision.ifMatch == "\"7\"")
        #expect(revision.newKey == Self.key)
    }

    @Test(
        "a payload with nothing of the server's in it goes out as it was given, byte for byte",
        arguments: [
            ServerState(state: #"{"name":"theirs"}"#), ServerState(state: #"{"version":3}"#), ServerState(isGone: true),
            ServerState(etag: "\"7\""), nil,
        ])
    func untouched(server: ServerState?) throws {
        let payload = #"{ "version" : 3, "name" : "ours" }"#
        let revision = try #require(Self.conflict(payload, server: server).revision(for: .local, newKey: Self.key))
        #expect(revision.payload == payload)
    }

    @Test("an operation without a payload stays without one, and the server's state may stand")
    func without() throws {
        let server = ServerState(state: #"{"version":7}"#)
        let revision = try #require(Self.conflict(nil, type: "delete", server: server).revision(for: .local, newKey: Self.key))
        #expect(revision.payload == nil)
        #expect(Self.conflict("{}", server: server).revision(for: .server, newKey: Self.key) == nil)
    }

    @Test("a choice counts for the conflict that was seen only, where it says which; otherwise for any")
    func seen() async throws {
        let rig = EngineRig()
        let (store, now) = (rig.store.memory, rig.clock.now.wall)
        try await rig.enqueue(["a", "b"])
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "test", now: now, staleAfterMs: 0) else {
            Issue.record("the lock is taken")
            return
        }
        let claims = try await store.exchange(Exchange(fence: fence, now: now, urgent: 2, normal: 2)).claims
        let error = LastError(class: .conflict, code: "VERSION", httpStatus: 412, message: "")
        let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .failed(error)) }
        _ = try await store.exchange(Exchange(fence: fence, now: now, settlements: settlements))
        let earlier = try await rig.engine.resolve(.text("a"), .local, ifUpdatedAt: now.adding(milliseconds: -1))
        #expect(!earlier)
        #expect(try await store.operation(.text("a"))?.status == .failed)
        let seen = try await rig.engine.resolve(.text("a"), .local, ifUpdatedAt: now)
        #expect(seen)
        #expect(try await store.operation(.text("a"))?.status == .pending)
        let unasked = try await rig.engine.resolve(.text("b"), .server)
        #expect(unasked)
        let books = try await store.books()
        #expect([books.pending, books.processed, books.failed] == [1, 1, 0])
    }
}
