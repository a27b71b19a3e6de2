import AsyncHTTPClient
import GuardianCore
import NIOCore
import NIOHTTP1
import Synchronization

/// One run of a feed: does what the schedule says, and tells it what came of it.
final class FeedRun: Sendable {
    /// Why the run is over: it was cancelled, or the consumer wants no more.
    struct Ended: Error { var cause: any Error }

    /// Why a stream or a poll is over.
    enum Ending: Error {
        case failed(FeedFailure)
        case consumerFailed(any Error)
    }

    private struct State {
        var schedule: FeedSchedule
        var cursor: String?
        var random: Xoshiro256
        /// What the consumer was told last.
        var told: FeedState?
        var pageLimit: Int
    }

    let configuration: RealtimeConfiguration
    let clock: any TimeSource
    private let origin: Origin
    private let tokens: any TokenProvider
    private let client: HTTPClient
    private let consumer: any ChangeConsumer
    private let state: Mutex<State>

    init(_ feed: RealtimeClient, _ client: HTTPClient, _ consumer: any ChangeConsumer, cursor: String?, random: Xoshiro256) {
        (configuration, origin, tokens, clock) = (feed.configuration, feed.origin, feed.tokens, feed.clock)
        (self.client, self.consumer) = (client, consumer)
        state = Mutex(
            State(
                schedule: FeedSchedule(feed.configuration.schedule), cursor: cursor, random: random,
                pageLimit: feed.configuration.pageLimit))
    }

    var cursor: String? { state.withLock { $0.cursor } }

    /// Changes asked for at once. Halves where a page is too large, and rises by one with each that is not.
    var pageLimit: Int {
        get { state.withLock { $0.pageLimit } }
        set { state.withLock { $0.pageLimit = newValue } }
    }

    func run() async throws(Ended) -> Never {
        while true {
            if Task.isCancelled { throw Ended(cause: CancellationError()) }
            switch schedule({ $0.next(at: $1) }) {
            case .wait(let until):
                if let failure = schedule({ schedule, _ in schedule.failure }) { tell(.waiting(until: until, after: failure)) }
                do { try await clock.wait(untilSteady: until) } catch { throw Ended(cause: error) }
            case .stream(let refreshToken):
                tell(.connecting)
                let failure = try failure(of: await watched { [self] in await readStream(refreshToken: refreshToken, $0) })
                schedule { $0.streamEnded(failure ?? .closed, at: $1, unit: $2) }
            case .poll(let refreshToken):
                if let failure = try failure(of: await watched { [self] in await readPage(refreshToken: refreshToken, $0) }) {
                    schedule { $0.pollFailed(failure, at: $1, unit: $2) }
                }
            }
        }
    }

    private func failure(of ending: Ending?) throws(Ended) -> FeedFailure? {
        switch ending {
        case nil: return nil
        case .failed(let failure): return failure
        case .consumerFailed(let error): throw Ended(cause: error)
        }
    }

    /// Runs `body` until it ends or the upstream has said nothing for too long.
    private func watched(_ body: @escaping @Sendable (SilenceWatch) async -> Ending?) async -> Ending? {
        let watch = SilenceWatch(clock: clock, silenceMs: configuration.schedule.silenceMs)
        return await withTaskGroup(of: Ending?.self) { group in
            group.addTask { await body(watch) }
            group.addTask { await watch.untilSilent() ? .failed(.silent) : nil }
            let first = await group.next()
            group.cancelAll()
            // A watch that was cancelled knows nothing; then it is the reader that does.
            if let ending = first ?? nil { return ending }
            return await group.next() ?? nil
        }
    }

    @discardableResult
    func schedule<Value>(_ body: (inout FeedSchedule, Int64) -> Value) -> Value {
        let now = clock.now.steady
        return state.withLock { body(&$0.schedule, now) }
    }

    private func schedule(_ body: (inout FeedSchedule, Int64, Double) -> Void) {
        let now = clock.now.steady
        state.withLock { body(&$0.schedule, now, $0.random.unit()) }
    }

    func tell(_ new: FeedState) {
        let isNew = state.withLock { state in
            defer { state.told = new }
            return state.told != new
        }
        if isNew { consumer.feedIs(new) }
    }

    /// Hands a batch over, and moves on once it is taken. One that neither tells nor moves anything is not worth a word.
    func deliver(_ batch: ChangeBatch) async throws(Ending) {
        if batch.changes.isEmpty, batch.reset == nil, batch.cursor == cursor { return }
        do { try await consumer.take(batch) } catch { throw .consumerFailed(error) }
        state.withLock { $0.cursor = batch.cursor }
    }

    /// Asks the upstream, and follows it where it leads within its origin.
    func get(
        _ path: String, _ fields: HTTPHeaders, refreshToken: Bool, _ watch: SilenceWatch
    ) async throws(Ending) -> HTTPClientResponse {
        let token: Token?
        do { token = try await tokens.token(refresh: refreshToken) } catch { throw .failed(.noToken) }
        var url = origin.text + path
        for _ in 0...HTTPTransport.redirectLimit {
            var request = HTTPClientRequest(url: url)
            request.headers = fields
            request.headers.add(name: "user-agent", value: configuration.http.userAgent)
            if let version = configuration.http.appVersion { request.headers.add(name: "x-app-version", value: version) }
            request.headers.add(name: "x-device-id", value: configuration.http.deviceID)
            if let token { request.headers.add(name: "authorization", value: "Bearer \(token.value)") }
            watch.listen()
            let response: HTTPClientResponse
            do { response = try await client.execute(request, deadline: .distantFuture) } catch { throw .failed(.unreachable) }
            guard watch.hear() else { throw .failed(.silent) }
            guard [301, 302, 303, 307, 308].contains(response.status.code) else { return try answered(response) }
            guard let next = response.headers.first(name: "location").flatMap({ origin.resolve($0, from: url) }) else {
                throw .failed(.unreadable)
            }
            url = next
        }
        throw .failed(.unreadable)
    }

    private func answered(_ response: HTTPClientResponse) throws(Ending) -> HTTPClientResponse {
        let wall = clock.now.wall
        let retryAfterMs = response.headers.first(name: "retry-after").flatMap { RetryAfter.milliseconds($0, now: wall) }
        if let failure = FeedFailure(status: Int(response.status.code), retryAfterMs: retryAfterMs) { throw .failed(failure) }
        return response
    }
}
