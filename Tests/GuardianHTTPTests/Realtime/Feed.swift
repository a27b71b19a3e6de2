import GuardianBackend
import GuardianCore
import GuardianHTTP
import NIOCore
import Synchronization
import Testing

/// A consumer that keeps what it is given, and lets a test wait for it.
final class Taker: ChangeConsumer {
    struct Kept: Sendable {
        var batches: [ChangeBatch] = []
        var states: [FeedState] = []
        var isOver = false

        var changes: [RemoteChange] { batches.flatMap(\.changes) }
        var keys: [String?] { changes.map(\.idempotencyKey) }
        var resets: [ChangeBatch] { batches.filter { $0.reset != nil } }
        var cursor: String? { batches.last?.cursor }
    }

    private struct State {
        var kept = Kept()
        var waiting: [(isMet: @Sendable (Kept) -> Bool, wake: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    private let onTake: @Sendable (ChangeBatch) async throws -> Void

    /// `onTake` runs before a batch counts as taken.
    init(onTake: @escaping @Sendable (ChangeBatch) async throws -> Void = { _ in }) { self.onTake = onTake }

    var kept: Kept { state.withLock { $0.kept } }

    func take(_ batch: ChangeBatch) async throws {
        try await onTake(batch)
        update { $0.batches.append(batch) }
    }

    func feedIs(_ state: FeedState) { update { $0.states.append(state) } }

    func isOver() { update { $0.isOver = true } }

    /// Returns when it is so, or the run is over.
    func wait(until isMet: @escaping @Sendable (Kept) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isNow = state.withLock { state in
                if state.kept.isOver || isMet(state.kept) { return true }
                state.waiting.append((isMet, continuation))
                return false
            }
            if isNow { continuation.resume() }
        }
    }

    private func update(_ change: (inout Kept) -> Void) {
        let woken = state.withLock { state in
            change(&state.kept)
            let kept = state.kept
            let woken = state.waiting.filter { kept.isOver || $0.isMet(kept) }
            state.waiting.removeAll { kept.isOver || $0.isMet(kept) }
            return woken
        }
        for waiter in woken { waiter.wake.resume() }
    }
}

/// Waits that cost no time, and no fall back to polling.
let quickly: @Sendable (inout RealtimeConfiguration) -> Void = { configuration in
    configuration.schedule.baseMs = 1
    configuration.schedule.maxMs = 2
    configuration.schedule.failuresBeforePolling = .max
}

/// A feed from `url` into `taker` for as long as `body` takes; expects that it ends by being cancelled.
func withFeed(
    from url: String, at cursor: String? = nil, into taker: Taker = Taker(), tokens: any TokenProvider = NoToken(),
    clock: any TimeSource = SystemClock(), seed: UInt64 = 1, configure: (inout RealtimeConfiguration) -> Void = { _ in },
    _ body: (Taker) async throws -> Void
) async throws {
    var configuration = RealtimeConfiguration(http: .init(url: url, deviceID: "6f1d1c0e-7a43-4f0e-9c1b-3f6a1f1c2d3e"))
    configure(&configuration)
    let feed = try RealtimeClient(configuration: configuration, tokens: tokens, clock: clock, seed: seed)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { taker.isOver() }
            do { try await feed.run(from: cursor, into: taker) } catch is CancellationError {}
        }
        try await body(taker)
        group.cancelAll()
        try await group.waitForAll()
    }
}

/// A reference upstream for as long as `body` takes.
func withChanges(port: Int = 0, _ body: (ReferenceUpstream, String) async throws -> Void) async throws {
    let upstream = try ReferenceUpstream(.init(port: port))
    let (ports, ready) = AsyncStream.makeStream(of: Int.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { ready.finish() }
            try await upstream.run { ready.yield($0) }
        }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else { return try await group.waitForAll() }
        try await body(upstream, "http://127.0.0.1:\(port)")
        group.cancelAll()
    }
}

/// Writes to the upstream, as anyone might.
struct Writer {
    let transport: HTTPTransport

    /// For as long as `body` takes.
    static func run(to url: String, _ body: (Writer) async throws -> Void) async throws {
        try await withTransport(to: url) { try await body(Writer(transport: $0)) }
    }

    func put(_ id: String, _ payload: String = #"{"n":1}"#) async throws {
        let outcome = await transport.send(try claimed(id: id, payload: payload), token: nil, timeoutMs: 20_000)
        #expect(outcome.word == "accepted", "\(outcome)")
    }

    func delete(_ id: String) async throws {
        let outcome = await transport.send(try claimed("delete", id: id, payload: nil), token: nil, timeoutMs: 20_000)
        #expect(outcome.word == "accepted", "\(outcome)")
    }
}

extension ReferenceUpstream {
    func tellChanges(_ change: (inout ChangeSettings) -> Void) {
        var settings = ChangeSettings()
        change(&settings)
        setChanges(settings)
    }

    var keys: [String?] { effects.map(\.idempotencyKey) }
    /// Requests for streams or for pages.
    func asked(stream: Bool) -> [LoggedRequest] {
        requests().filter { $0.path.hasPrefix("/api/v1/changes") && $0.path.hasPrefix("/api/v1/changes/stream") == stream }
    }
}
