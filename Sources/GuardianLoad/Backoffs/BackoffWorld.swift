public import GuardianCore

/// Many clients, one upstream that is away for a while and then takes so many requests a second: what each way of waiting does to both.
///
/// A client has one operation and tries until it is through. Nothing else protects the upstream (no breaker, no holds), so that only the
/// waits are compared. Virtual time in milliseconds; the same seed plays the same world.
public struct BackoffWorld: Sendable {
    /// An outage, and who waits it out.
    public struct Script: Sendable {
        /// 1000 by default. Each meets the outage within its first second.
        public var clients = 1000
        /// Milliseconds that the upstream is away; it refuses at once.
        public var outageMs = 60_000.0
        /// Requests a second that it takes once it is back; what is above fails.
        public var perSecond = 200.0
        /// Its `baseMs` and `maxMs` are what all strategies wait by; how many attempts it allows does not count.
        public var policy = RetryPolicy.standard
        /// Milliseconds after which nobody looks any more.
        public var lengthMs = 900_000.0
        /// Of the jitter, and of when each client meets the outage; 1 by default.
        public var seed: UInt64 = 1

        /// A minute of outage for a thousand clients.
        public init() {}
    }

    /// What one strategy has led to.
    public struct Report: Sendable {
        /// The one that all clients have waited by.
        public var strategy: RetryStrategy
        /// All requests that were made, and those among them that failed.
        public var requests = 0
        /// Refused because the upstream was away, or because they were above its rate.
        public var failures = 0
        /// Clients that got through: all of them, unless time was over first.
        public var delivered = 0
        /// Seconds from the upstream's return until all, and until nine of ten, were through; nil when they were not.
        public var drainedSeconds: Double?
        /// As ``drainedSeconds``, for nine of ten.
        public var ninetySeconds: Double?
        /// The most requests in one second after the return.
        public var peak = 0
        /// Requests and successes in each second.
        public var perSecond: [(requests: Int, delivered: Int)] = []
    }

    /// What an attempt takes, whatever comes of it.
    static let roundTripMs = 100.0

    /// Plays until all are through, or ``Script/lengthMs`` has passed.
    public static func run(_ strategy: RetryStrategy, _ script: Script) -> Report {
        var random = Xoshiro256(seed: script.seed)
        var heap = EventHeap()
        var failures = [Int](repeating: 0, count: script.clients)
        var waits = [Double](repeating: 0, count: script.clients)
        // Everybody meets the outage within its first second.
        for client in 0..<script.clients { heap.push(at: random.unit() * 1000, client) }
        var report = Report(strategy: strategy)
        // What it takes at once: a tenth of a second's requests, and one where that is less.
        let burst = max(1, script.perSecond / 10)
        var (tokens, filledAt) = (burst, script.outageMs)
        while report.delivered < script.clients, let (now, client) = heap.pop(), now < script.lengthMs {
            let second = Int(now / 1000)
            while report.perSecond.count <= second { report.perSecond.append((0, 0)) }
            report.requests += 1
            report.perSecond[second].requests += 1
            var isTaken = false
            if now >= script.outageMs {
                tokens = min(burst, tokens + (now - filledAt) * script.perSecond / 1000)
                filledAt = now
                if tokens >= 1 {
                    tokens -= 1
                    isTaken = true
                }
            }
            if isTaken {
                report.delivered += 1
                report.perSecond[second].delivered += 1
                let since = (now - script.outageMs) / 1000
                if report.delivered == script.clients { report.drainedSeconds = since }
                if report.ninetySeconds == nil, report.delivered * 10 >= script.clients * 9 { report.ninetySeconds = since }
            } else {
                report.failures += 1
                failures[client] += 1
                waits[client] = strategy.delayMs(
                    failure: failures[client], lastMs: waits[client], policy: script.policy, random: &random)
                heap.push(at: now + Self.roundTripMs + waits[client], client)
            }
        }
        let back = Int(script.outageMs / 1000)
        report.peak = report.perSecond.dropFirst(back).map(\.requests).max() ?? 0
        return report
    }
}

/// What happens next, soonest first; of two at once the one that was put in first.
struct EventHeap {
    private var entries: [(at: Double, number: Int, client: Int)] = []
    private var number = 0

    mutating func push(at: Double, _ client: Int) {
        number += 1
        entries.append((at, number, client))
        var child = entries.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> (Double, Int)? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        guard !entries.isEmpty else { return (first.at, first.client) }
        entries[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count && isBefore(child, least) { least = child }
            if least == parent { return (first.at, first.client) }
            entries.swapAt(parent, least)
            parent = least
        }
    }

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        entries[a].at != entries[b].at ? entries[a].at < entries[b].at : entries[a].number < entries[b].number
    }
}
