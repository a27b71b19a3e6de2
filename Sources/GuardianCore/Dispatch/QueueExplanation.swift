/// Why a whole queue is not moving: how many operations are held up by what.
///
/// Each is counted once: pending + leased + failed = ``claimable`` + the sum of ``reasons``. What holds everyone up, such as a pause,
/// takes all heads; what stands behind a head is *behind* even then. Doubt is not counted, for it would take a look at each: such an
/// operation is counted by its time, or as claimable.
public struct QueueExplanation: Sendable, Equatable {
    /// Operations that wait, claimable or not.
    public var pending: Int64
    /// Of those, how many a processor may take now; 0 while something holds everyone up.
    public var claimable: Int64
    /// Only those that hold up someone.
    public var reasons: [Explanation.Reason: Int64]
    /// A sentence for people: what holds everyone up, who delivers, or what the waiting ones wait for.
    public var detail: String

    package init(pending: Int64, claimable: Int64, reasons: [Explanation.Reason: Int64], detail: String) {
        (self.pending, self.claimable, self.reasons, self.detail) = (pending, claimable, reasons, detail)
    }

    /// Decides from where operations stand and what holds delivery up as a whole, both of one moment.
    package static func of(_ census: Census, _ situation: Explanation.Situation) -> QueueExplanation {
        var counts: [Explanation.Reason: Int64] = [
            .behind: census.behind + census.awaiting, .leased: census.leased, .failed: census.failed,
        ]
        var claimable: Int64 = 0
        let waiting = census.notBefore + census.backoff + census.due
        let obstacle = situation.standstill ?? situation.upstreamObstacle
        if let all = situation.standstill {
            counts[all.reason] = census.parked + waiting
        } else {
            counts[.principal] = census.parked
            if let obstacle {
                counts[obstacle.reason] = waiting
            } else {
                counts[.notBefore] = census.notBefore
                counts[.backoff] = census.backoff
                claimable = census.due
            }
        }
        let reasons = counts.filter { $0.value > 0 }
        let detail = obstacle?.detail ?? calm(census.pending, claimable, reasons, situation)
        return QueueExplanation(pending: census.pending, claimable: claimable, reasons: reasons, detail: detail)
    }

    /// What there is to say when nothing holds everyone up.
    private static func calm(
        _ pending: Int64, _ claimable: Int64, _ reasons: [Explanation.Reason: Int64], _ situation: Explanation.Situation
    ) -> String {
        if claimable > 0 { return "\(claimable) may go; \(situation.whoDelivers)" }
        guard pending > 0 else { return "nothing waits to be sent" }
        let held = Explanation.Reason.allCases.filter { $0 != .leased && $0 != .failed }.compactMap { reason in
            reasons[reason].map { "\(reason.rawValue) \($0)" }
        }
        return "none of the \(pending) that wait may go now (\(held.joined(separator: ", "))); `guardian explain ID` says why one does not"
    }

    /// `{"pending", "claimable", "reasons": {reason: count}, "detail"}`.
    package var json: JSONValue {
        let counts = Explanation.Reason.allCases.compactMap { reason in
            reasons[reason].map { JSONValue.Member(reason.rawValue, JSONValue($0)) }
        }
        return [
            "pending": JSONValue(pending), "claimable": JSONValue(claimable), "reasons": .object(counts), "detail": .string(detail),
        ]
    }
}
