/// Results that can't be written yet, because somebody else's open transaction holds their lines.
extension Processor {
    /// Puts off results that could not be written; the others of their exchange are.
    mutating func postpone(_ verdicts: [Verdict], _ now: Moment) {
        guard !verdicts.isEmpty else { return }
        postponed += verdicts
        postponedUntil = min(postponedUntil, now.steady + configuration.pollMs)
    }

    mutating func handInPostponed(_ now: Moment) {
        guard now.steady >= postponedUntil else { return }
        outbox += postponed
        forgetPostponed()
    }

    mutating func forgetPostponed() {
        postponed = []
        postponedUntil = .max
    }
}
