/// How many operations may be claimed and sent at once. One worker is kept for priority > 0, so a fall never waits behind slow uploads.
struct Workers: Sendable {
    let count: Int

    /// Places for operations of any priority when `limit` may be in flight.
    func normalPlaces(limit: Int) -> Int { limit >= 2 && limit == count ? limit - 1 : limit }

    /// How many urgent heads to claim: what can be sent now and once more, so that workers don't wait for the store.
    func urgentClaims(limit: Int, inFlight: Int, ready: ReadyQueue) -> Int {
        max(0, limit * 2 - inFlight - ready.urgentCount)
    }

    func normalClaims(limit: Int, normalInFlight: Int, ready: ReadyQueue) -> Int {
        max(0, normalPlaces(limit: limit) * 2 - normalInFlight - ready.normalCount)
    }
}
