import GuardianCore

/// One process of a world: its current life, and what it has under way.
struct SimulatedProcess {
    var life = 0
    var processor: Processor?
    /// Whether it is of the newer build, which casts operations of version 1.
    var isUpgraded = false
    var random = Xoshiro256(seed: 0)
    /// When its latest tick is due.
    var tickAt: Int64 = 0
    /// Everything that reaches it before then waits.
    var frozenUntil: Int64?
    /// Requests whose end has not been told yet, by attempt.
    var open: [Int64: Agenda.Request] = [:]
}
