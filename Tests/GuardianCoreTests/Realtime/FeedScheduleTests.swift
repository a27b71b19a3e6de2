import GuardianCore
import Testing

@Suite("Feed schedule")
struct FeedScheduleTests {
    static let minute: Int64 = 60_000
    let stream = FeedSchedule.Step.stream(refreshToken: false)
    let poll = FeedSchedule.Step.poll(refreshToken: false)
    var schedule = FeedSchedule()

    @Test("it begins with the stream")
    func begins() { #expect(schedule.next(at: 5) == stream) }

    @Test("waits that are meant to be for ever are a year long, and overflow nothing")
    func never() {
        var configuration = FeedSchedule.Configuration()
        (configuration.pollMs, configuration.streamAgainMs, configuration.heartbeatMs) = (.max, .max, .max)
        #expect(configuration.silenceMs == 365 * 86_400_000)
        var schedule = FeedSchedule(configuration)
        schedule.streamEnded(.unsupported, at: 1_000_000, unit: 0.5)
        schedule.polled(hasMore: false, at: 1_000_000)
        #expect(schedule.next(at: 1_000_000) != stream)
    }

    @Test("a failed stream waits anything up to twice as long each time, a minute at most")
    mutating func backoff() {
        var configuration = FeedSchedule.Configuration()
        configuration.failuresBeforePolling = 100
        schedule = FeedSchedule(configuration)
        for longest in [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] as [Int64] {
            var least = schedule
            least.streamEnded(.unreachable, at: 0, unit: 0)
            #expect(least.next(at: 0) == stream)
            schedule.streamEnded(.unreachable, at: 0, unit: 0.5)
            #expect(schedule.next(at: 0) == .wait(until: longest / 2))
            #expect(schedule.next(at: longest / 2) == stream)
        }
    }

    @Test("failures far beyond counting still wait a minute at most")
    mutating func manyFailures() {
        var configuration = FeedSchedule.Configuration()
        configuration.failuresBeforePolling = .max
        schedule = FeedSchedule(configuration)
        for _ in 0..<10_000 { schedule.streamEnded(.closed, at: 0, unit: 0.999) }
        #expect(schedule.next(at: 0) == .wait(until: 59_940))
    }

    @Test("a minute of health forgets the failures before it, less does not", arguments: [60_000, 59_999] as [Int64])
    mutating func health(lived: Int64) {
        for _ in 0..<2 { schedule.streamEnded(.closed, at: 0, unit: 0) }
        schedule.opened(at: 0)
        schedule.streamEnded(.closed, at: lived, unit: 0.5)
        #expect(schedule.isPolling == (lived < Self.minute))
        if lived == Self.minute { #expect(schedule.next(at: lived) == .wait(until: lived + 500)) }
    }

    @Test("what the server says with retry comes before the jitter, ten minutes at most")
    mutating func retry() {
        schedule.opened(at: 0)
        schedule.serverAsked(retryMs: 7000)
        schedule.streamEnded(.closed, at: 0, unit: 0.5)
        #expect(schedule.next(at: 0) == .wait(until: 7500))
        schedule.serverAsked(retryMs: .max)
        schedule.streamEnded(.closed, at: 0, unit: 0)
        #expect(schedule.next(at: 0) == .wait(until: 600_000))
    }

    @Test("the third failure polls at once, then every 15 s, and tries the stream again after ten minutes")
    mutating func polls() {
        for _ in 0..<3 { schedule.streamEnded(.silent, at: 0, unit: 0.5) }
        #expect(schedule.next(at: 0) == poll)
        var polls = 0
        var now: Int64 = 0
        while schedule.next(at: now) != stream {
            if case .wait(let until) = schedule.next(at: now) {
                now = until
            } else {
                polls += 1
                schedule.polled(hasMore: false, at: now)
            }
        }
        #expect(now == 600_000)
        #expect(polls == 40)
        schedule.streamEnded(.closed, at: now, unit: 0.5)
        #expect(schedule.next(at: now) == poll)
        schedule.polled(hasMore: false, at: now)
        #expect(schedule.next(at: now) == .wait(until: now + 15_000))
    }

    @Test("a stream that opens ends the polling; one that dies young begins it again")
    mutating func returns() {
        for _ in 0..<3 { schedule.streamEnded(.closed, at: 0, unit: 0) }
        schedule.polled(hasMore: false, at: 0)
        schedule.opened(at: 600_000)
        #expect(!schedule.isPolling)
        schedule.streamEnded(.closed, at: 600_001, unit: 0)
        #expect(schedule.next(at: 600_001) == poll)
    }

    @Test("where there is no stream it polls at once", arguments: [404, 405, 406, 501])
    mutating func unsupported(status: Int) throws {
        schedule.streamEnded(try #require(FeedFailure(status: status)), at: 0, unit: 0.5)
        #expect(schedule.next(at: 0) == poll)
        #expect(schedule.next(at: 600_000) == stream)
    }

    @Test("204 polls, and never opens a stream again")
    mutating func noContent() throws {
        schedule.streamEnded(try #require(FeedFailure(status: 204)), at: 0, unit: 0.5)
        for now in stride(from: 0, to: 10_000_000, by: 15_000) as StrideTo<Int64> {
            #expect(schedule.next(at: now) == poll)
            schedule.polled(hasMore: false, at: now)
        }
    }

    @Test("a page with more behind it is followed at once")
    mutating func more() {
        schedule.streamEnded(.unsupported, at: 0, unit: 0)
        schedule.polled(hasMore: true, at: 3)
        #expect(schedule.next(at: 3) == poll)
    }

    @Test("when polls work again after failing, the stream is tried at once")
    mutating func networkIsBack() {
        for _ in 0..<3 { schedule.streamEnded(.unreachable, at: 0, unit: 0) }
        schedule.pollFailed(.unreachable, at: 0, unit: 0)
        #expect(schedule.next(at: 0) == .wait(until: 15_000))
        #expect(schedule.failure == .unreachable)
        schedule.polled(hasMore: true, at: 15_000)
        #expect(schedule.next(at: 15_000) == stream)
        schedule.streamEnded(.closed, at: 15_000, unit: 0)
        schedule.polled(hasMore: false, at: 15_000)
        #expect(schedule.next(at: 15_001) == .wait(until: 30_000))
    }

    @Test("polls that fail wait between the poll's own time and a minute")
    mutating func pollBackoff() {
        schedule.streamEnded(.unsupported, at: 0, unit: 0)
        var waits: [Int64] = []
        for _ in 0..<8 {
            schedule.pollFailed(.closed, at: 0, unit: 0.99)
            if case .wait(let until) = schedule.next(at: 0) { waits.append(until) }
        }
        #expect(waits == [15_000, 15_000, 15_000, 15_000, 15_840, 31_680, 59_400, 59_400])
    }

    @Test("neither stream nor page: it comes back after ten minutes")
    mutating func nothing() {
        schedule.streamEnded(.unsupported, at: 0, unit: 0)
        schedule.pollFailed(.unsupported, at: 0, unit: 0)
        #expect(schedule.next(at: 0) == .wait(until: 600_000))
        #expect(schedule.next(at: 600_000) == stream)
    }

    @Test("a refused token is refreshed at once; a fresh one that is refused too waits longer each time", arguments: [false, true])
    mutating func token(polls: Bool) {
        if polls { schedule.streamEnded(.unsupported, at: 0, unit: 0) }
        func fail(_ schedule: inout FeedSchedule, at now: Int64) {
            if polls {
                schedule.pollFailed(.unauthorized, at: now, unit: 0.5)
            } else {
                schedule.streamEnded(.unauthorized, at: now, unit: 0.5)
            }
        }
        let again: FeedSchedule.Step = polls ? .poll(refreshToken: true) : .stream(refreshToken: true)
        fail(&schedule, at: 0)
        #expect(schedule.next(at: 0) == again)
        fail(&schedule, at: 0)
        #expect(schedule.next(at: 0) == .wait(until: 1500))
        #expect(schedule.next(at: 1500) == again)
        fail(&schedule, at: 1500)
        #expect(schedule.next(at: 1500) == .wait(until: 1500 + 2000))
        #expect(schedule.isPolling == polls)
        if polls { schedule.polled(hasMore: true, at: 3500) } else { schedule.opened(at: 3500) }
        #expect(schedule.next(at: 3500) == (polls ? poll : stream))
    }

    @Test("a fresh token is not refreshed again because something else fails", arguments: [FeedFailure.unsupported, .unreachable, .closed])
    mutating func otherFailure(failure: FeedFailure) {
        schedule.streamEnded(.unauthorized, at: 0, unit: 0)
        #expect(schedule.next(at: 0) == .stream(refreshToken: true))
        schedule.streamEnded(failure, at: 0, unit: 0)
        #expect(schedule.next(at: 0) == (failure == .unsupported ? poll : stream))
    }

    @Test("without a token it waits and asks again, and never takes that for the stream's failure")
    mutating func noToken() {
        for n in 0..<20 {
            schedule.streamEnded(.noToken, at: Int64(n) * 100_000, unit: 0.5)
            guard case .wait(let until) = schedule.next(at: Int64(n) * 100_000) else { return #expect(Bool(false), "asks at once") }
            #expect((1000...61_000).contains(until - Int64(n) * 100_000))
            #expect(schedule.next(at: until) == stream)
        }
    }

    @Test("Retry-After holds stream and polls, a day at most", arguments: [(30_000, 30_000), (Int64.max, 86_400_000)] as [(Int64, Int64)])
    mutating func retryAfter(asked: Int64, held: Int64) throws {
        let failure = try #require(FeedFailure(status: 503, retryAfterMs: asked))
        schedule.streamEnded(failure, at: 0, unit: 0.5)
        #expect(schedule.next(at: 0) == .wait(until: held))
        for _ in 0..<2 { schedule.streamEnded(failure, at: 0, unit: 0.5) }
        #expect(schedule.next(at: 0) == .wait(until: held))
        #expect(schedule.next(at: held) == (held < 600_000 ? poll : stream))
    }

    @Test("three heartbeats of 15 s may be missing")
    func silence() { #expect(FeedSchedule.Configuration().silenceMs == 45_000) }
}
