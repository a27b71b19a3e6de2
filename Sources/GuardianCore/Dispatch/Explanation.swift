/// Why an operation is not moving, or that it may go: what `explain` says (spec section 12).
///
/// Every stored operation may be claimed or has exactly one reason why not. When several hold, the first of this order is told: the one
/// that has to go before the next can matter.
/// 1. *failed*, *leased*: it does not wait at all. It has been given up on, or is in a processor's hands.
/// 2. *behind*: whatever holds delivery up holds up the head of its line, or the create of what it points to; ask about that one.
/// 3. *paused* (by a person, by the guard of a rollout, or after TLS failures), *auth_required*, *upgrade_required*: all stands still until
///    someone acts. What was done on purpose comes first.
/// 4. *disk*: a claim can't be written down, so nothing is sent.
/// 5. *principal*: it is parked; the upstream does not matter until its user is back.
/// 6. *in_doubt*: it is not sent when its turn comes, but looked up.
/// 7. *plague_hold*, *breaker*, *origin_hold*: the upstream is not asked. What ends by an answer only comes before what ends by itself.
/// 8. *not_before*, *backoff*: its own times, which pass by themselves. That of a retry is also when its route may be asked again, where
///    the upstream asked that to wait (`RouteHolds`).
public struct Explanation: Sendable, Equatable {
    /// Why an operation is not claimable. The words are those of spec section 12.
    public enum Reason: String, Sendable, CaseIterable {
        /// An older operation of its line, or the create of what it points to, goes first; ``Explanation/by`` names it.
        case behind
        /// Its `notBefore` lies ahead, and no retry has been set; ends at ``Explanation/until``.
        case notBefore = "not_before"
        /// It waits for its retry, or was put off because its route is held; ends at ``Explanation/until``.
        case backoff
        /// The upstream asked everyone to wait (429, `Retry-After`); ends at ``Explanation/until``.
        case originHold = "origin_hold"
        /// The circuit breaker is open; a probe goes at ``Explanation/until``.
        case breaker
        /// The upstream refuses everyone with one status, so nothing fails; ends when a probe gets through.
        case plagueHold = "plague_hold"
        /// By a person, by the guard of a rollout, or after TLS failures; a person ends it.
        case paused
        /// The upstream refuses the token, or there is none; ends with a new one.
        case authRequired = "auth_required"
        /// The upstream answered 426; ends with another version of the app, or by a person.
        case upgradeRequired = "upgrade_required"
        /// Its user is not signed in; ends when that user is back.
        case principal
        /// A processor has claimed it, maybe one that is silent now; the detail says which.
        case leased
        /// The outcome of an attempt is unknown for longer than the upstream remembers keys: it is looked up when its turn comes.
        case inDoubt = "in_doubt"
        /// Too little room to write a claim down; ends when there is room again.
        case disk
        /// It was given up on, and waits for a person.
        case failed
    }

    /// The operation that was asked about.
    public var id: OperationID
    /// nil when it is claimable.
    public var reason: Reason?
    /// When the reason ends by itself, if that is known.
    public var until: Timestamp?
    /// The operation that is in the way.
    public var by: OperationID?
    /// A sentence for people: what is so, and what to do.
    public var detail: String

    /// Whether a processor may take it now.
    public var claimable: Bool { reason == nil }

    /// For tests: the engine makes its own.
    public init(id: OperationID, reason: Reason? = nil, until: Timestamp? = nil, by: OperationID? = nil, detail: String) {
        self.id = id
        self.reason = reason
        self.until = until
        self.by = by
        self.detail = detail
    }

    /// Decides from where an operation stands and what holds delivery up as a whole.
    package static func of(_ standing: Standing, _ situation: Situation) -> Explanation {
        let id = standing.operation.id
        if let out = outOfLine(standing, situation) { return Explanation(id: id, out) }
        if let obstacle = situation.standstill { return Explanation(id: id, obstacle) }
        if let own = ownState(standing, situation) { return Explanation(id: id, own) }
        if let obstacle = situation.upstreamObstacle { return Explanation(id: id, obstacle) }
        if let wait = ownTime(standing.operation, situation.now) { return Explanation(id: id, wait) }
        return Explanation(id: id, detail: mayGo(standing.operation, situation))
    }

    private init(id: OperationID, _ obstacle: Obstacle) {
        self.init(id: id, reason: obstacle.reason, until: obstacle.until, by: obstacle.by, detail: obstacle.detail)
    }

    /// The members of spec section 12; what is absent is left out.
    package var json: JSONValue {
        var members: [JSONValue.Member] = [.init("id", .string(id.description)), .init("claimable", .bool(claimable))]
        if let reason { members.append(.init("reason", .string(reason.rawValue))) }
        if let until { members.append(.init("until", .string(until.rfc3339))) }
        if let by { members.append(.init("by", .string(by.description))) }
        members.append(.init("detail", .string(detail)))
        return .object(members)
    }
}

extension Explanation {
    /// What is in the way, and what to do about it.
    struct Obstacle: Sendable, Equatable {
        var reason: Reason
        var until: Timestamp?
        var by: OperationID?
        var detail: String
    }

    /// It is not the one of its line that waits to go.
    private static func outOfLine(_ standing: Standing, _ situation: Situation) -> Obstacle? {
        let operation = standing.operation
        if operation.status == .failed {
            let why = operation.lastError.map { " (\($0.summary))" } ?? ""
            return Obstacle(
                reason: .failed,
                detail: "it was given up on\(why); mend what is wrong, then put it back with `guardian retry`, or `guardian cancel` it")
        }
        if operation.status == .processing {
            let holder = situation.holder.map { "processor \($0.fence.owner) has it in hand; its result comes by itself" }
            return Obstacle(
                reason: .leased,
                detail: holder ?? "it was claimed by a processor that is silent now; the next one takes it back: start `guardian serve`")
        }
        if standing.isHead {
            guard standing.isAwaiting else { return nil }
            let create = standing.awaits.map { "operation \($0)" } ?? "an older operation"
            return Obstacle(
                reason: .behind, by: standing.awaits,
                detail: "\(create) makes an entity that this one points to, and goes first; explain that one")
        }
        let head = standing.behind.map { "operation \($0)" } ?? "an older operation"
        return Obstacle(
            reason: .behind, by: standing.behind, detail: "\(head) has the same ordering key and goes first; explain that one")
    }

    /// What holds back this head and others like it, whatever the upstream does.
    private static func ownState(_ standing: Standing, _ situation: Situation) -> Obstacle? {
        if standing.isParked {
            return Obstacle(
                reason: .principal, detail: "it belongs to a user who is not signed in; it goes on by itself when that user is back")
        }
        guard let unknownAt = standing.operation.unknownAt, standing.operation.type != "delete",
            situation.now.milliseconds - unknownAt.milliseconds >= situation.idempotencyWindowMs,
            !standing.operation.hasExpired(at: situation.now)
        else { return nil }
        return Obstacle(
            reason: .inDoubt,
            detail: "it was sent at \(unknownAt), its outcome is unknown, and the upstream may have forgotten its key; a look there comes "
                + "first, then it is sent, settled, or left to a person as failed")
    }

    private static func ownTime(_ operation: Operation, _ now: Timestamp) -> Obstacle? {
        // The time of a retry stands in the place of the first one.
        if let due = operation.nextRetryAt {
            guard due > now else { return nil }
            guard operation.tries > 0, let error = operation.lastError else {
                // It never failed, so it was put off because its route is held. What it may have met is a standstill, which is over.
                return Obstacle(
                    reason: .backoff, until: due,
                    detail: "it was not sent: the upstream asked the route of (\(operation.type), \(operation.entity.type)) to wait "
                        + "(Retry-After); it goes at \(due) by itself")
            }
            return Obstacle(
                reason: .backoff, until: due,
                detail: "its last attempt failed (\(error.summary)); it waits for its retry, or for its route, which the upstream may have "
                    + "asked to wait since; it goes at \(due) by itself")
        }
        guard let due = operation.notBefore, due > now else { return nil }
        return Obstacle(reason: .notBefore, until: due, detail: "it is not to be sent before \(due); it goes then by itself")
    }

    private static func mayGo(_ operation: Operation, _ situation: Situation) -> String {
        if let end = operation.expiresAt, end <= situation.now {
            let next =
                operation.unknownAt == nil
                ? "leaves the queue unsent when its turn comes"
                : "an attempt before may have been applied: when its turn comes it is set aside as failed, for a person"
            return "it has expired at \(end) and \(next); \(situation.whoDelivers)"
        }
        return "it may go; \(situation.whoDelivers)"
    }
}

extension LastError {
    /// Class, code, status and words, for a sentence.
    fileprivate var summary: String {
        let status = httpStatus.map { ", HTTP \($0)" } ?? ""
        return "\(self.class.rawValue): \(code)\(status)" + (message.isEmpty ? "" : ": \(message)")
    }
}
