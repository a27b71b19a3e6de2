/// What the upstream asks to wait: everything, or what goes by one route.
///
/// A hold of the origin is saved with what else is known of the upstream, stops claims, and ends with one request at a time. A hold of a
/// route is narrower in all of that, so that the other routes do not notice it. It is kept in memory only (`RouteHolds`). Claims go on, and
/// what they bring of the route goes back. And an answer that asks for one says nothing of the origin: it neither halves what may be in
/// flight, nor slows the rate, nor counts as a failure to the breaker, nor uses up an attempt. What bounds the requests that are refused is
/// the hold itself: those on the wire when it begins, and as many when it has ended.
extension Processor {
    /// The upstream has asked this operation to wait.
    mutating func hold(_ operation: Operation, _ holdMs: Int64, _ now: Moment, _ actions: inout [Action]) {
        let until = now.steady + holdMs
        if let route = configuration.holds.route(of: operation) {
            guard routeHolds.hold(route, until: until, now: now.steady) else { return }
            actions.append(.emit(.routeHeld(route: route, milliseconds: holdMs)))
            return putOffHeld(now)
        }
        guard until > holdUntil else { return }
        if holdUntil <= now.steady { actions.append(.emit(.originHeld(milliseconds: holdMs))) }
        holdUntil = until
        healthChanged = true
    }

    /// Whether the route of an operation is held.
    func isHeld(_ operation: Operation, _ now: Moment) -> Bool {
        guard !routeHolds.isEmpty, let route = configuration.holds.route(of: operation) else { return false }
        return routeHolds.until(route, now: now.steady) != nil
    }

    /// Claims of routes that are held go back, and make room for others. For when a route has come to be held, or claims have come.
    mutating func putOffHeld(_ now: Moment) {
        guard !routeHolds.isEmpty, !ready.isEmpty else { return }
        for claim in ready.takeAll() where !putOffIfHeld(claim, now) { ready.add(claim) }
    }

    /// Back to the head of its line, unsent, until its route may be asked again. False when it may be now.
    mutating func putOffIfHeld(_ claim: Claim, _ now: Moment) -> Bool {
        guard !routeHolds.isEmpty, let route = configuration.holds.route(of: claim.operation),
            let due = routeHolds.place(in: route, isUrgent: claim.operation.priority > 0, now: now.steady)
        else { return false }
        let waitMs = due - now.steady
        outbox.append(Verdict(claim, .putOff(until: now.wall.adding(milliseconds: waitMs), waitMs: waitMs)))
        return true
    }
}
