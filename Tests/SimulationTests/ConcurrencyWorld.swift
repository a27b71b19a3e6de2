import GuardianCore

/// One upstream and one sender that always has something to send, in virtual time of a millisecond: what a limit on concurrency is worth.
struct ConcurrencyWorld {
    /// How an upstream behaves under load.
    enum Upstream: String, CaseIterable, Sendable {
        /// So many at once, the others wait in a queue without end.
        case pool
        /// So many at once, a short queue, 503 beyond it.
        case boundedQueue
        /// A token bucket: 429 above its rate.
        case rateLimited
        /// Each request makes the others slower, more than in proportion.
        case contended
        /// A pool that loses three quarters of its size for a third of the time.
        case shrinking
    }

    enum Sender { case fixed(Int), adaptive(most: Int) }

    struct Report: Sendable {
        var good = 0
        var refused = 0
        var latencySum: Int64 = 0
        var perSecond: Double
        var meanMs: Double { Double(latencySum) / Double(max(good, 1)) }
    }

    private struct Request {
        var startedAt: Int64
        var endsAt: Int64
        var work: Double
        var status: Int
    }

    let upstream: Upstream
    let lengthMs: Int64
    private var random: Xoshiro256
    private var working: [Request] = []
    private var queue: [Request] = []
    private var refusals: [Request] = []
    private var tokens = 10.0
    /// When the next request ends; before that there is nothing to look at.
    private var nextEnd: Int64 = 0

    init(_ upstream: Upstream, lengthMs: Int64 = 45_000, seed: UInt64) {
        self.upstream = upstream
        self.lengthMs = lengthMs
        random = Xoshiro256(seed: seed)
    }

    mutating func run(_ sender: Sender) -> Report {
        var report = Report(perSecond: 0)
        var limit = AdaptiveLimit(most: 512)
        if case .adaptive(let most) = sender { limit = AdaptiveLimit(most: most) }
        for now in 0..<lengthMs {
            tokens = min(20, tokens + 0.2)
            for request in finished(now) {
                let inFlight = working.count + queue.count + refusals.count + 1
                switch request.status {
                case 200:
                    report.good += 1
                    report.latencySum += now - request.startedAt
                    limit.answered(startedAt: request.startedAt, now: now, inFlight: inFlight)
                case 429:
                    report.refused += 1
                    limit.refused(startedAt: request.startedAt, now: now)
                default:
                    report.refused += 1
                    limit.troubled(startedAt: request.startedAt, now: now)
                }
            }
            let allowed = if case .fixed(let count) = sender { count } else { limit.limit }
            while working.count + queue.count + refusals.count < allowed { arrive(now) }
        }
        report.perSecond = Double(report.good) * 1000 / Double(lengthMs)
        return report
    }

    /// Latencies as they are: most a little under the mean, a few three times as long.
    private mutating func service(_ meanMs: Double) -> Double {
        let normal = (0..<6).reduce(-3.0) { sum, _ in sum + random.unit() } * 1.41
        var power = 1.0
        var term = 1.0
        for n in 1...12 {
            term *= normal * 0.4 / Double(n)
            power += term
        }
        return max(1, meanMs * 0.923 * power)
    }

    /// Whether a pool has just grown or shrunk, so that those that wait may begin.
    private func isChanging(_ now: Int64) -> Bool { upstream == .shrinking && now > 0 && places(now) != places(now - 1) }

    private func places(_ now: Int64) -> Int {
        switch upstream {
        case .pool: 24
        case .boundedQueue: 12
        case .shrinking: (lengthMs / 3..<2 * lengthMs / 3).contains(now) ? 10 : 40
        case .rateLimited, .contended: .max
        }
    }

    private mutating func arrive(_ now: Int64) {
        var request = Request(startedAt: now, endsAt: .max, work: 0, status: 200)
        switch upstream {
        case .pool, .shrinking, .boundedQueue:
            request.work = service(50)
            if upstream == .boundedQueue, working.count >= places(now), queue.count >= 12 { return refuse(&request, 503, now) }
            if working.count < places(now) { begin(&request, now) } else { queue.append(request) }
        case .rateLimited:
            guard tokens >= 1 else { return refuse(&request, 429, now) }
            tokens -= 1
            request.work = service(40)
            begin(&request, now)
        case .contended:
            request.work = service(20)
            working.append(request)
        }
    }

    private mutating func refuse(_ request: inout Request, _ status: Int, _ now: Int64) {
        request.status = status
        request.endsAt = now + 5
        nextEnd = min(nextEnd, request.endsAt)
        refusals.append(request)
    }

    private mutating func begin(_ request: inout Request, _ now: Int64) {
        request.endsAt = now + Int64(request.work.rounded(.up))
        nextEnd = min(nextEnd, request.endsAt)
        working.append(request)
    }

    private mutating func finished(_ now: Int64) -> [Request] {
        if upstream == .contended {
            let crowd = Double(working.count) / 20
            for index in working.indices {
                working[index].work -= 1 / (1 + crowd * crowd)
                if working[index].work <= 0 { working[index].endsAt = now }
            }
        } else if now < nextEnd, !isChanging(now) {
            return []
        }
        let done = working.filter { $0.endsAt <= now } + refusals.filter { $0.endsAt <= now }
        working.removeAll { $0.endsAt <= now }
        refusals.removeAll { $0.endsAt <= now }
        while working.count < places(now), !queue.isEmpty {
            var next = queue.removeFirst()
            begin(&next, now)
        }
        nextEnd = min(working.map(\.endsAt).min() ?? .max, refusals.map(\.endsAt).min() ?? .max)
        return done
    }
}
