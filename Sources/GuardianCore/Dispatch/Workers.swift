/// How many operations may be claimed and sent at once. One worker is kept for priority > 0, so a fall never waits behind slow uploads.
///
/// Claims run ahead of the workers by what they send within ``aheadMs``: a fast upstream never waits for the store, and a slow one leaves
/// operations that can't be sent soon where they can still be cancelled and folded.
struct Workers: Sendable {
    static let aheadMs = 10.0
    /// Claims ahead of the workers at most, for each worker of a few; beyond this many claims one for each.
    static let mostAhead = 3
    static let enoughAhead = 64

    let count: Int
    /// How long an attempt takes, in milliseconds: a moving average over about the last 16.
    private var meanMs = 10.0

    init(count: Int) { self.count = count }

    /// Whether answers come so fast that writing them one by one is what costs most.
    var isFast: Bool { meanMs < Self.aheadMs / 2 }

    mutating func attemptTook(milliseconds: Int64) { meanMs += (Double(max(0, milliseconds)) - meanMs) / 16 }

    /// Places for operations of any priority when `limit` may be in flight. Below all workers none is kept, as an urgent one may go beyond
    /// the limit then.
    func normalPlaces(limit: Int) -> Int { limit >= 2 && limit == count ? limit - 1 : limit }

    /// How many urgent heads to claim: what can be sent now, and soon.
    func urgentClaims(limit: Int, inFlight: Int, ready: ReadyQueue) -> Int {
        max(0, limit + ahead(limit) - inFlight - ready.urgentCount)
    }

    /// How many heads of any priority to claim, when `places` may be in flight.
    func normalClaims(places: Int, normalInFlight: Int, ready: ReadyQueue) -> Int {
        max(0, places + ahead(places) - normalInFlight - ready.normalCount)
    }

    private func ahead(_ places: Int) -> Int {
        let most = min(places * Self.mostAhead, max(places, Self.enoughAhead))
        return min(most, max(1, Int(Double(places) * Self.aheadMs / max(meanMs, 0.5))))
    }
}
