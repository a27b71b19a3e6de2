import GuardianCore

/// What the process has seen of its queue, kept by itself for three spans: 15 minutes, an hour and a day, in 180 slots each.
struct ConsoleHistory {
    enum Span: String, CaseIterable, Sendable {
        case quarter = "15m"
        case hour = "1h"
        case day = "24h"

        static let slots = 180

        /// Milliseconds of one slot.
        var slotMs: Int64 {
            switch self {
            case .quarter: 5000
            case .hour: 20_000
            case .day: 480_000
            }
        }

        var name: String {
            switch self {
            case .quarter: "15 minutes"
            case .hour: "1 hour"
            case .day: "24 hours"
            }
        }
    }

    /// What happened in one slot.
    struct Slot: Sendable, Equatable {
        /// Wall-clock time at which it begins.
        var at: Int64
        var accepted: Int64 = 0
        var processed = 0
        /// Given up on, or left to a person as a conflict.
        var failed = 0
        var retried = 0
        /// Pending operations when it was looked at last; nil when nobody looked.
        var depth: Int64?
        var latencies = LatencyBuckets()

        /// Whether anything is known of it.
        var isSeen: Bool { depth != nil || ended + retried > 0 }
        /// Operations that came to an end; one that is put off has not.
        var ended: Int { processed + failed }
        /// Share of those that was processed, as `success_rate_percent` has it; nil without any.
        var successRate: Double? { ended == 0 ? nil : Double(processed) / Double(ended) }
    }

    private var slots: [Span: [Slot]] = [:]
    private var lastAccepted: Int64?

    /// Counts one event.
    mutating func record(_ event: Event, at time: Timestamp) {
        switch event {
        case .processed(_, let latencyMs, let status):
            change(time) {
                $0.processed += 1
                // One that was settled without being sent took no time.
                if status != nil { $0.latencies.record(latencyMs) }
            }
        case .failed, .conflict: change(time) { $0.failed += 1 }
        case .retryScheduled: change(time) { $0.retried += 1 }
        default: break
        }
    }

    /// Notes the books as they stand.
    mutating func note(_ books: Books, at time: Timestamp) {
        let accepted = lastAccepted.map { max(0, books.accepted - $0) } ?? 0
        lastAccepted = books.accepted
        change(time) {
            $0.depth = books.pending
            $0.accepted += accepted
        }
    }

    /// The slots of a span up to `now`, oldest first; those in which nothing was seen are empty.
    func slots(of span: Span, until now: Timestamp) -> [Slot] {
        let last = now.milliseconds / span.slotMs * span.slotMs
        let known = Dictionary((slots[span] ?? []).map { ($0.at, $0) }, uniquingKeysWith: { $1 })
        return (0..<Span.slots).map { place in
            let at = last - Int64(Span.slots - 1 - place) * span.slotMs
            return known[at] ?? Slot(at: at)
        }
    }

    /// The last five minutes as one: 60 slots, the one that has begun among them.
    func recent(until now: Timestamp) -> Slot {
        var sum = Slot(at: now.milliseconds - 300_000)
        for slot in (slots[.quarter] ?? []) where slot.at > now.milliseconds - 300_000 {
            sum.accepted += slot.accepted
            sum.processed += slot.processed
            sum.failed += slot.failed
            sum.retried += slot.retried
            sum.latencies.add(slot.latencies)
        }
        return sum
    }

    /// Per second over the last complete slots of 15 seconds together.
    func rates(until now: Timestamp) -> (accepted: Double, processed: Double) {
        let end = now.milliseconds / Span.quarter.slotMs * Span.quarter.slotMs
        let counted = (slots[.quarter] ?? []).filter { $0.at < end && $0.at >= end - 15_000 }
        return (Double(counted.reduce(0) { $0 + $1.accepted }) / 15, Double(counted.reduce(0) { $0 + $1.processed }) / 15)
    }

    private mutating func change(_ time: Timestamp, _ apply: (inout Slot) -> Void) {
        for span in Span.allCases {
            let at = time.milliseconds / span.slotMs * span.slotMs
            var kept = slots[span] ?? []
            if let last = kept.last, last.at == at {
                apply(&kept[kept.count - 1])
            } else if let place = kept.lastIndex(where: { $0.at == at }) {
                apply(&kept[place])
            } else {
                var slot = Slot(at: at)
                apply(&slot)
                // What is noted late goes where it belongs. After a clock that went back, slots of the old time give way.
                if let last = kept.last, last.at > at + 2 * span.slotMs { kept.removeAll { $0.at > at } }
                kept.insert(slot, at: kept.lastIndex { $0.at < at }.map { $0 + 1 } ?? 0)
                if kept.count > Span.slots { kept.removeFirst(kept.count - Span.slots) }
            }
            slots[span] = kept
        }
    }
}
