import GuardianCore
import GuardianTesting
import Synchronization
import Testing

/// A transport that takes all that is to go out at once.
private final class Gathering: Transport {
    /// The sizes of what it was given.
    let sizes = Mutex<[Int]>([])
    /// Operations of which it never says a word, the first time.
    private let forgotten = Mutex<Set<OperationID>>([])
    private let isHeld: Bool
    private let begun = AsyncStream.makeStream(of: Void.self)

    init(forgetting: Set<OperationID> = [], isHeld: Bool = false) {
        forgotten.withLock { $0 = forgetting }
        self.isHeld = isHeld
    }

    var gathers: Bool { true }

    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome {
        Issue.record("\(claim.operation.id) was sent by itself")
        return .accepted(Answer(status: 200))
    }

    func send(_ dispatches: [Dispatch], token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void) async {
        sizes.withLock { $0.append(dispatches.count) }
        begun.continuation.yield()
        if isHeld {
            let (never, _) = AsyncStream.makeStream(of: Void.self)
            for await _ in never {}
            return
        }
        for (place, dispatch) in dispatches.enumerated() {
            if forgotten.withLock({ $0.remove(dispatch.claim.operation.id) != nil }) { continue }
            tell(place, .accepted(Answer(status: 200)))
            // Told twice, it counts once.
            tell(place, .accepted(Answer(status: 200)))
        }
    }

    func hasBegun() async { for await _ in begun.stream { return } }
}

@Suite(.timeLimit(.minutes(2))) struct GatheringTests {
    private let store = MemoryStore()

    private func engine(_ transport: Gathering, _ sink: RecordingSink) async throws -> SyncEngine {
        let engine = SyncEngine(store: store, transport: transport, sinks: [sink], configuration: .init(processor: .init(workers: 64)))
        try await engine.enqueue(
            (0..<200).map { NewOperation("update", entityType: "room", entityID: "\($0)", payload: "{}", id: "n\($0)") })
        return engine
    }

    @Test("a transport that gathers is given at once all that goes out now, and one that it forgets is sent again")
    func givesAtOnce() async throws {
        let (transport, sink) = (Gathering(forgetting: [.text("n7")]), RecordingSink())
        let engine = try await engine(transport, sink)
        async let run: Void = engine.run()
        await sink.wait(for: 200) { if case .processed = $0 { true } else { false } }
        engine.drain()
        try await run
        let sizes = transport.sizes.withLock { $0 }
        #expect(sizes.reduce(0, +) == 201)
        #expect(sizes.contains { $0 > 1 }, "\(sizes)")
        #expect(sink.events.count { if case .processed = $0 { true } else { false } } == 200)
    }

    @Test("stopped in the middle, what a transport that gathers holds goes back")
    func goesBack() async throws {
        let (transport, sink) = (Gathering(isHeld: true), RecordingSink())
        let engine = try await engine(transport, sink)
        let run = Task { try await engine.run() }
        await transport.hasBegun()
        run.cancel()
        try await run.value
        let found = try await store.list(OperationFilter(limit: 500))
        #expect(found.count == 200 && found.allSatisfy { $0.status == .pending })
    }
}
