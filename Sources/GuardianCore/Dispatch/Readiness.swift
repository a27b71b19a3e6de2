/// Whether a processor may be sent operations, and what else is the matter: what `/readyz` says.
///
/// Ready means that an enqueue would be kept: the store can be written and the disk has the room that new work wants. That delivery stands
/// still (a breaker, a login, a pause, another process that holds the lock) is told, and is no reason to send operations elsewhere: they
/// are kept.
package struct Readiness: Sendable, Equatable {
    package struct Check: Sendable, Equatable {
        /// `store`, `disk`, `lock`, `breaker`, `auth` or `delivery`.
        package var name: String
        package var isGood: Bool
        /// A fixed word: what it is.
        package var state: String
        /// For people.
        package var detail: String
        /// Whether nothing may be sent here while it is not good.
        package var isRequired: Bool

        package init(_ name: String, _ isGood: Bool, _ state: String, _ detail: String, isRequired: Bool = false) {
            self.name = name
            self.isGood = isGood
            self.state = state
            self.detail = detail
            self.isRequired = isRequired
        }
    }

    package var checks: [Check]
    /// Whether this process delivers.
    package var isDelivering: Bool

    package var isReady: Bool { checks.allSatisfy { $0.isGood || !$0.isRequired } }
    /// What is not as it should be, in words.
    package var reasons: [String] { checks.filter { !$0.isGood }.map { "\($0.name): \($0.detail)" } }

    /// `storeError` is what the attempt to write the store ended with; nil when it worked.
    package init(_ situation: Explanation.Situation, storeError: StoreError?, isDelivering: Bool) {
        self.isDelivering = isDelivering
        checks = [
            Check(
                "store", storeError == nil, storeError?.name ?? "writable", storeError?.description ?? "writes reach the disk",
                isRequired: true),
            Self.disk(situation.room), Self.lock(situation, isDelivering), Self.breaker(situation), Self.auth(situation),
            Self.delivery(situation),
        ]
    }

    private static func disk(_ room: DiskRoom?) -> Check {
        guard let room else { return Check("disk", true, "unknown", "free space is not known", isRequired: true) }
        return Check("disk", room.level == .room, room.level.rawValue, room.detail, isRequired: !room.takesWork)
    }

    private static func lock(_ situation: Explanation.Situation, _ isDelivering: Bool) -> Check {
        if isDelivering { return Check("lock", true, "held", "this process delivers") }
        if let holder = situation.holder {
            return Check("lock", true, "standby", "processor \(holder.fence.owner) delivers; this one takes over when it is gone")
        }
        return Check("lock", false, "free", "nobody delivers now")
    }

    private static func breaker(_ situation: Explanation.Situation) -> Check {
        guard let obstacle = situation.upstreamObstacle else {
            let isProbing = situation.control.health?.openUntil != nil
            return Check(
                "breaker", !isProbing, isProbing ? "half_open" : "closed",
                isProbing ? "one probe asks whether the upstream is back" : "the upstream is asked")
        }
        return Check("breaker", false, obstacle.reason == .breaker ? "open" : obstacle.reason.rawValue, obstacle.detail)
    }

    private static func auth(_ situation: Explanation.Situation) -> Check {
        situation.control.pauses.contains(.auth)
            ? Check("auth", false, Pause.auth.rawValue, "the upstream refuses the token; delivery goes on with a new one, so log in again")
            : Check("auth", true, "accepted", "the upstream has not refused the token")
    }

    private static func delivery(_ situation: Explanation.Situation) -> Check {
        let pauses = situation.control.pauses.subtracting([.auth]).map(\.rawValue).sorted()
        guard !pauses.isEmpty else { return Check("delivery", true, "on", "delivery is not paused") }
        return Check("delivery", false, pauses[0], situation.standstill?.detail ?? "delivery is paused: \(pauses.joined(separator: ", "))")
    }

    package var json: JSONValue {
        [
            "ready": .bool(isReady), "delivering": .bool(isDelivering),
            "checks": .object(
                checks.map {
                    .init($0.name, ["ok": .bool($0.isGood), "state": .string($0.state), "detail": .string($0.detail)])
                }),
            "reasons": .array(reasons.map { .string($0) }),
        ]
    }
}
