package import GuardianCore

/// Decides which alerts fire and clear: what was measured goes in, what has changed comes out.
///
/// It knows no clock and no store. Times are those of the wall clock, so that a duration goes on over a restart: while nobody evaluates,
/// a condition counts as unchanged. That the clock was set meanwhile has to be told with ``wallClockStepped(byMilliseconds:)``: no
/// duration is longer or shorter for it.
///
/// States of each alert: *quiet* → *pending* when its condition holds → *firing* when it has held for the rule's `forMs` → *quiet* when
/// the value has been beyond the clearing threshold, or unknown, for `clearAfterMs`. A pending one is quiet again at the first value that
/// is not bad.
package struct AlertEvaluator: Sendable, Equatable {
    package enum Change: Sendable, Equatable {
        case fired(Alert)
        case cleared(Alert)
    }

    /// What is kept of one alert.
    struct Standing: Sendable, Equatable {
        /// Since when the condition holds.
        var badSince: Timestamp?
        var isFiring = false
        /// Since when a firing one is on the good side.
        var goodSince: Timestamp?
        var value: Double?

        mutating func move(byMilliseconds step: Int64) {
            badSince = badSince?.adding(milliseconds: step)
            goodSince = goodSince?.adding(milliseconds: step)
        }
    }

    /// How long what is not known counts as unchanged, from the first evaluation on.
    private struct Grace: Sendable, Equatable {
        var since: Timestamp?
        var forMs: Int64 = 0
    }

    private var grace = Grace()
    package let rules: [AlertRule]
    var standings: [String: Standing]

    package init(rules: [AlertRule]) {
        self.rules = rules
        standings = [:]
    }

    /// Goes on from where another evaluator has ended; what is kept of rules that are no more is left out.
    ///
    /// Whoever goes on has measured nothing yet: for `unknownForMs` from its first evaluation on, what is not known counts as unchanged.
    package mutating func resume(from memory: AlertMemory, unknownForMs: Int64 = 0) {
        standings = memory.standings.filter { name, _ in rules.contains { $0.name == name } }
        grace = Grace(forMs: unknownForMs)
    }

    /// All alerts as they stand.
    package var alerts: [Alert] { rules.map { alert($0, standings[$0.name] ?? Standing()) } }

    /// The wall clock was set forward by so many milliseconds, or back where they are negative: the times that are kept go with it.
    package mutating func wallClockStepped(byMilliseconds step: Int64) {
        for name in Array(standings.keys) { standings[name]?.move(byMilliseconds: step) }
        grace.since = grace.since?.adding(milliseconds: step)
    }

    /// Takes what was measured at `now`.
    package mutating func evaluate(_ measures: AlertMeasures, now: Timestamp) -> [Change] {
        var changes: [Change] = []
        let begun = min(grace.since ?? now, now)
        grace.since = begun
        let isUnsure = now.milliseconds - begun.milliseconds < grace.forMs
        for rule in rules {
            var standing = standings[rule.name] ?? Standing()
            let value = measures[rule.name]
            standing.value = value
            // What was saved before a restart may lie ahead, where the wall clock went back meanwhile: no duration gets longer by it.
            standing.badSince = standing.badSince.map { min($0, now) }
            standing.goodSince = standing.goodSince.map { min($0, now) }
            if value == nil, isUnsure {
                // As it was.
            } else if standing.isFiring {
                if Self.clears(rule, value, now, &standing) { changes.append(.cleared(alert(rule, standing))) }
            } else if let value, rule.isBad(value) {
                let since = standing.badSince ?? now
                standing.badSince = since
                if now.milliseconds - since.milliseconds >= rule.forMs {
                    standing.isFiring = true
                    standing.goodSince = nil
                    changes.append(.fired(alert(rule, standing)))
                }
            } else {
                standing.badSince = nil
            }
            standings[rule.name] = standing
        }
        return changes
    }

    /// Whether a firing alert has been good for long enough; it is quiet then.
    private static func clears(_ rule: AlertRule, _ value: Double?, _ now: Timestamp, _ standing: inout Standing) -> Bool {
        guard value.map(rule.isGood) ?? true else {
            standing.goodSince = nil
            return false
        }
        let since = standing.goodSince ?? now
        standing.goodSince = since
        guard now.milliseconds - since.milliseconds >= rule.clearAfterMs else { return false }
        standing.isFiring = false
        standing.badSince = nil
        standing.goodSince = nil
        return true
    }

    private func alert(_ rule: AlertRule, _ standing: Standing) -> Alert {
        Alert(
            name: rule.name, severity: rule.severity, state: standing.isFiring ? .firing : standing.badSince == nil ? .quiet : .pending,
            value: standing.value, threshold: rule.threshold, since: standing.badSince, condition: rule.condition, action: rule.action)
    }
}
