import GuardianCore
import GuardianTesting
import Synchronization
import Testing

/// An engine follows a feed of remote changes.
@Suite struct FollowTests {
    /// A feed that hands over what follows a cursor, then ends with an error, as a process that dies would.
    private final class ScriptedFeed: ChangeFeed {
        struct Over: Error {}

        private let batches: [ChangeBatch]
        /// The cursors that it was asked to go on from.
        let asked = Mutex<[String?]>([])
        /// Runs before a batch is handed over.
        private let before: @Sendable (ChangeBatch) async throws -> Void

        init(_ batches: [ChangeBatch], before: @escaping @Sendable (ChangeBatch) async throws -> Void = { _ in }) {
            self.batches = batches
            self.before = before
        }

        func run(from cursor: String?, into consumer: any ChangeConsumer) async throws {
            asked.withLock { $0.append(cursor) }
            let start = cursor.map { cursor in (batches.firstIndex { $0.cursor == cursor } ?? -1) + 1 } ?? 0
            for batch in batches[start...] {
                try await before(batch)
                try await consumer.take(batch)
            }
            throw Over()
        }
    }

    private static func put(_ id: String, _ n: Int) -> RemoteChange {
        RemoteChange(
            cursor: "c\(n)", path: "/rooms/\(id)", entity: EntityKey(type: "room", id: id), version: Int64(n), etag: "e\(n)",
            body: ["n": JSONValue(n)])
    }

    private func state(_ engine: SyncEngine, _ id: String) async throws -> JSONValue? {
        try await engine.optimistic.overlay(of: EntityKey(type: "room", id: id)).state
    }

    @Test("each change is kept with its cursor, told once, and the next run goes on behind it")
    func goesOn() async throws {
        let sink = RecordingSink()
        let engine = SyncEngine(store: MemoryStore(), transport: ScriptedTransport(), sinks: [sink])
        struct Cut: Error {}
        let batches = [ChangeBatch([Self.put("a", 1), Self.put("b", 2)], cursor: "c2"), ChangeBatch([Self.put("a", 3)], cursor: "c3")]
        let cut = ScriptedFeed(batches) { if $0.cursor == "c3" { throw Cut() } }
        await #expect(throws: Cut.self) { try await engine.optimistic.follow(cut) }
        #expect(try await state(engine, "a") == ["n": 1])
        let whole = ScriptedFeed(batches)
        await #expect(throws: ScriptedFeed.Over.self) { try await engine.optimistic.follow(whole) }
        #expect(whole.asked.withLock { $0 } == ["c2"])
        #expect(try await state(engine, "a") == ["n": 3])
        #expect(sink.count { if case .remoteChanged = $0 { true } else { false } } == 3)
        let other = ScriptedFeed(batches)
        await #expect(throws: ScriptedFeed.Over.self) { try await engine.optimistic.follow(other, named: "other") }
        #expect(other.asked.withLock { $0 } == [nil])
    }

    @Test("two that follow one feed in one store take each batch once; who comes late goes on from there")
    func twoFollow() async throws {
        let store = MemoryStore()
        let engine = SyncEngine(store: store, transport: ScriptedTransport())
        let batches = (1...3).map { ChangeBatch([Self.put("a", $0)], cursor: "c\($0)") }
        let feed = ScriptedFeed(batches) { batch in
            // Another process has taken this one in the meantime.
            guard batch.cursor == "c2", try await store.feedCursor(of: "changes") == "c1" else { return }
            _ = try await store.saveRemote([], mark: FeedMark(feed: "changes", after: "c1", cursor: "c2"), now: Timestamp(milliseconds: 0))
        }
        await #expect(throws: ScriptedFeed.Over.self) { try await engine.optimistic.follow(feed) }
        #expect(feed.asked.withLock { $0 } == [nil, "c2"])
        #expect(try await state(engine, "a") == ["n": 3])
    }

    @Test("after a reset what the app reads anew is kept with the new cursor; a reading that fails keeps neither")
    func reset() async throws {
        struct Away: Error {}
        let engine = SyncEngine(store: MemoryStore(), transport: ScriptedTransport())
        let batches = [ChangeBatch([Self.put("a", 9)], cursor: "c9"), ChangeBatch(cursor: "n1", reset: .tooOld)]
        await #expect(throws: Away.self) { try await engine.optimistic.follow(ScriptedFeed(batches), reread: { _ in throw Away() }) }
        let again = ScriptedFeed(batches)
        await #expect(throws: ScriptedFeed.Over.self) {
            try await engine.optimistic.follow(
                again,
                reread: { reset in
                    #expect(reset == .tooOld)
                    let read = ServerState(state: #"{"n":5}"#, etag: "read")
                    return [RemoteState(EntityKey(type: "room", id: "a"), read, version: 2)]
                })
        }
        #expect(again.asked.withLock { $0 } == ["c9"])
        #expect(try await state(engine, "a") == ["n": 5])
    }

    @Test("changes of entities that are none of ours move the cursor and nothing else")
    func strangers() async throws {
        let store = MemoryStore()
        let engine = SyncEngine(store: store, transport: ScriptedTransport())
        let feed = ScriptedFeed([ChangeBatch([Self.put("a", 1)], cursor: "c1")])
        await #expect(throws: ScriptedFeed.Over.self) { try await engine.optimistic.follow(feed, entity: { _ in nil }) }
        #expect(try await state(engine, "a") == nil)
        #expect(try await store.feedCursor(of: "changes") == "c1")
    }
}
