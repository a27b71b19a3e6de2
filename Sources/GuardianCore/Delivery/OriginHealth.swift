/// What is known of an upstream and outlives a restart.
public struct OriginHealth: Sendable, Equatable {
    /// The breaker is open until then; nil when it is closed.
    public var openUntil: Timestamp?
    /// `Retry-After` asked to wait until then.
    public var holdUntil: Timestamp?
    /// How often the breaker has opened, ever.
    public var trips: Int64
    /// A plague holds delivery since then; nil when none does.
    public var plagueSince: Timestamp?
    /// The status that it answers with.
    public var plagueStatus: Int?
    /// The processor that saves this has held delivery, and its hold has ended: where several share a store, only then does a plague end
    /// that the others know of. Said to the store; not kept.
    public var endsPlague = false

    /// Of an upstream that is well, unless something is given; a plague is set afterwards.
    public init(openUntil: Timestamp? = nil, holdUntil: Timestamp? = nil, trips: Int64 = 0) {
        self.openUntil = openUntil
        self.holdUntil = holdUntil
        self.trips = trips
    }
}
