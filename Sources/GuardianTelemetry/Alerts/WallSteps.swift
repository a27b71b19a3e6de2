package import GuardianCore

/// Finds out by how much the wall clock was set, by the steady clock beside it.
///
/// What lasts is kept in times of the wall clock, so that it can go on after a restart. Within one run those times are moved with each
/// step, so that nothing has lasted longer, or less long, because somebody has set the clock.
package struct WallSteps: Sendable {
    /// Milliseconds that count as a step: less than this the two go apart because they are read one after the other.
    package static let leastMs: Int64 = 1000

    /// Both clocks as they were when they agreed last.
    private var agreed: Moment?

    package init() {}

    /// By how many milliseconds the wall clock was set since the call before; 0 when it was not.
    package mutating func step(at now: Moment) -> Int64 {
        guard let agreed else {
            self.agreed = now
            return 0
        }
        let step = (now.wall.milliseconds - agreed.wall.milliseconds) - (now.steady - agreed.steady)
        guard abs(step) >= Self.leastMs else { return 0 }
        self.agreed = now
        return step
    }
}
