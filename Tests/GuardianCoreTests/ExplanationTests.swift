import GuardianCore
import GuardianTesting
import Testing

@Suite struct ExplanationTests {
    static let now = Timestamp(milliseconds: 1_767_225_600_000)
    static let lock = LockState(fence: Fence(owner: "p1", epoch: 3), heartbeatAt: now.adding(milliseconds: -5000), acquiredAt: now)

    /// One thing that holds an operation up, and what is then told of it.
    struct Layer: Sendable, CustomTestStringConvertible {
        var reason: Explanation.Reason
        var until: Timestamp?
        var by: OperationID?
        var says: String
        var apply: @Sendable (inout Standing, inout Explanation.Situation) -> Void

        var testDescription: String { reason.rawValue }
    }

    private static let soon = now.adding(milliseconds: 30_000)

    /// In the order in which they are told.
    static let layers: [Layer] = [
        Layer(reason: .failed, says: "`guardian retry`") { standing, _ in
            standing.operation.status = .failed
            standing.operation.lastError = LastError(class: .permanent, code: "FORBIDDEN", httpStatus: 403, message: "not yours")
            standing.isHead = false
        },
        Layer(reason: .leased, says: "by itself") { standing, _ in standing.operation.status = .processing },
        Layer(reason: .behind, by: .text("head"), says: "operation head") { standing, _ in
            standing.isHead = false
            standing.behind = .text("head")
        },
        Layer(reason: .paused, says: "`guardian resume`") { $1.control.pauses.insert(.operator) },
        Layer(reason: .paused, says: "tls_failure") { $1.control.pauses.insert(.tls) },
        Layer(reason: .authRequired, says: "log in again") { $1.control.pauses.insert(.auth) },
        Layer(reason: .upgradeRequired, says: "upgrade it") { $1.control.pauses.insert(.upgrade) },
        Layer(reason: .disk, says: "make room") { $1.room = DiskRoom(freeBytes: 1 << 19, reservedBytes: (1 << 19) - 1) },
        Layer(reason: .principal, says: "not signed in") { standing, _ in standing.isParked = true },
        Layer(reason: .inDoubt, says: "a look there comes first") { standing, situation in
            standing.operation.unknownAt = situation.now.adding(milliseconds: -situation.idempotencyWindowMs)
        },
        Layer(reason: .plagueHold, says: "with HTTP 403") {
            $1.health.plagueSince = now
            $1.health.plagueStatus = 403
        },
        Layer(reason: .breaker, until: soon, says: "`guardian doctor`") { $1.health.openUntil = soon },
        Layer(reason: .originHold, until: soon, says: "by itself") { $1.health.holdUntil = soon },
        Layer(reason: .backoff, until: soon, says: "by itself") { standing, _ in standing.operation.nextRetryAt = soon },
        Layer(reason: .notBefore, until: soon, says: "by itself") { standing, _ in standing.operation.notBefore = soon },
    ]

    /// The head of its line, in a store whose processor lives, with nothing in its way.
    static func free(_ type: String = "update") throws -> (standing: Standing, situation: Explanation.Situation) {
        var random = Xoshiro256(seed: 1)
        let new = NewOperation(type, entityType: "room", entityID: "r", payload: "{}", id: "x")
        let operation = try Admission().admit(new, at: now.adding(milliseconds: -100_000), random: &random)
        let room = DiskRoom(freeBytes: 0, reservedBytes: 1 << 20)
        return (Standing(operation: operation, isHead: true), .init(now: now, lock: lock, room: room))
    }

    private func explain(
        _ type: String = "update", _ change: (inout Standing, inout Explanation.Situation) -> Void = { _, _ in }
    ) throws -> Explanation {
        var (standing, situation) = try Self.free(type)
        change(&standing, &situation)
        return .of(standing, situation)
    }

    @Test("each reason is told by its name, with its time or the operation in the way, and what to do", arguments: layers)
    func reasons(layer: Layer) throws {
        let told = try explain("update", layer.apply)
        #expect(told.reason == layer.reason)
        #expect(told.until == layer.until)
        #expect(told.by == layer.by)
        #expect(told.detail.contains(layer.says), "\(told.detail)")
        #expect(!told.claimable)
    }

    @Test("the table has every reason of the contract, under its name there")
    func complete() {
        #expect(Set(Self.layers.map(\.reason)) == Set(Explanation.Reason.allCases))
        let contract = """
            behind|not_before|backoff|origin_hold|breaker|plague_hold|paused|auth_required|upgrade_required|principal|leased|in_doubt|disk|failed
            """
        #expect(Explanation.Reason.allCases.map(\.rawValue) == contract.split(separator: "|").map { String($0) })
    }

    @Test("whatever holds at once, exactly one reason is told: the first of the order; with none of them it may go")
    func precedence() throws {
        let free = try Self.free()
        for chosen in 0..<(1 << Self.layers.count) {
            var (standing, situation) = free
            // Backwards, so that of two that exclude each other the first stays.
            let layers = Self.layers.indices.filter { chosen >> $0 & 1 == 1 }.map { Self.layers[$0] }
            for layer in layers.reversed() { layer.apply(&standing, &situation) }
            let told = Explanation.of(standing, situation)
            guard told.reason == layers.first?.reason, told.until == layers.first?.until, told.by == layers.first?.by else {
                Issue.record("\(layers.map(\.reason.rawValue)): \(told)")
                return
            }
        }
    }

    @Test("what may go says who takes it, and that nobody does when nobody delivers")
    func claimable() throws {
        let moving = try explain()
        #expect(moving.claimable && moving.detail.contains("p1 takes it"))
        let alone = try explain { $1.lock = nil }
        #expect(alone.claimable && alone.detail.contains("nobody delivers now: start `guardian serve`"))
        for silence: Int64 in [-120_000, 120_000] {
            let stale = try explain { $1.lock?.heartbeatAt = Self.now.adding(milliseconds: silence) }
            #expect(stale.claimable && stale.detail.contains("p1 is silent since"), "\(stale.detail)")
        }
        let probing = try explain { $1.health.openUntil = Self.now }
        #expect(probing.claimable && probing.detail.contains("one probe first"))
        let expired = try explain { standing, _ in standing.operation.expiresAt = Self.now }
        #expect(expired.claimable && expired.detail.contains("leaves the queue unsent"))
        let inDoubt = try explain { standing, _ in
            standing.operation.expiresAt = Self.now
            standing.operation.unknownAt = Timestamp(milliseconds: 0)
        }
        #expect(inDoubt.claimable && inDoubt.detail.contains("may have been applied"), "\(inDoubt.detail)")
    }

    @Test("what was claimed by a processor that is silent says who takes it back")
    func orphan() throws {
        let told = try explain { standing, situation in
            standing.operation.status = .processing
            situation.lock = nil
        }
        #expect(told.reason == .leased && told.detail.contains("start `guardian serve`"))
    }

    @Test("times that have passed, room that is enough or not known, and deletes in doubt hold nothing up")
    func limits() throws {
        #expect(
            try explain { standing, situation in
                standing.operation.notBefore = Self.now
                standing.operation.unknownAt = Self.now.adding(milliseconds: 1 - situation.idempotencyWindowMs)
                situation.health.holdUntil = Self.now
                situation.room = nil
            }.claimable)
        #expect(try explain { standing, _ in standing.operation.nextRetryAt = Self.now }.claimable)
        #expect(try explain("delete") { standing, _ in standing.operation.unknownAt = Timestamp(milliseconds: 0) }.claimable)
        // The time of a retry stands in the place of the first one, as in the store.
        let retried = try explain { standing, _ in
            standing.operation.nextRetryAt = Self.now
            standing.operation.notBefore = Self.soon
        }
        #expect(retried.claimable)
    }

    @Test("as JSON it has the members of the contract, and none that is absent")
    func json() throws {
        let free = try explain()
        #expect(free.json == ["id": "x", "claimable": true, "detail": .string(free.detail)])
        let behind = try explain { standing, _ in (standing.isHead, standing.behind) = (false, .text("head")) }
        #expect(
            behind.json == ["id": "x", "claimable": false, "reason": "behind", "by": "head", "detail": .string(behind.detail)])
        let held = try explain { $1.health.holdUntil = Self.soon }
        #expect(
            held.json == [
                "id": "x", "claimable": false, "reason": "origin_hold", "until": "2026-01-01T00:00:30.000Z",
                "detail": .string(held.detail),
            ])
    }

    @Test("the reason that a failed operation and a retry give is the error they met")
    func lastError() throws {
        let error = LastError(class: .transient, code: "HTTP_503", httpStatus: 503, message: "busy")
        let told = try explain { standing, _ in
            standing.operation.nextRetryAt = Self.soon
            standing.operation.lastError = error
            standing.operation.tries = 1
        }
        #expect(told.detail.contains("its last attempt failed (transient: HTTP_503, HTTP 503: busy)"), "\(told.detail)")
        #expect(told.detail.contains("for its retry, or for its route"), "\(told.detail)")
    }

    @Test(
        "one that was put off because its route is held is not said to have failed, not for a standstill either, and says which route",
        arguments: [nil, LastError(class: .auth, code: "HTTP_401", httpStatus: 401, message: "")] as [LastError?])
    func heldRoute(standstill: LastError?) throws {
        let told = try explain { standing, _ in
            standing.operation.nextRetryAt = Self.soon
            standing.operation.lastError = standstill
        }
        #expect(told.reason == .backoff && told.until == Self.soon)
        #expect(told.detail.contains("it was not sent: the upstream asked the route of (update, room) to wait"), "\(told.detail)")
    }
}

extension Explanation.Situation {
    /// What is known of the upstream, made when it is first written.
    var health: OriginHealth {
        get { control.health ?? OriginHealth() }
        set { control.health = newValue }
    }
}
