import GuardianCore
import GuardianTesting
import Testing

@Suite struct QueueExplanationTests {
    private let clock = TestClock()
    private let store = MemoryStore()
    private var now: Timestamp { clock.now.wall }

    private func enqueue(_ id: String, entity: String, _ change: (inout Operation) -> Void = { _ in }) async throws {
        var random = Xoshiro256(seed: 1)
        let new = NewOperation("update", entityType: "room", entityID: entity, payload: "{}", id: id)
        var operation = try Admission().admit(new, at: now, random: &random)
        change(&operation)
        _ = try await store.enqueue([operation])
    }

    /// A queue with operations in every place: due, failed, waiting for a retry, on the wire, parked, early, and some behind others.
    private func fill() async throws {
        for id in ["failed", "retried", "leased"] { try await enqueue(id, entity: id) }
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p1", now: now, staleAfterMs: 120_000) else { return }
        let claims = try await store.exchange(Exchange(fence: fence, now: now, normal: 3)).claims
        let error = LastError(class: .permanent, code: "FORBIDDEN", httpStatus: 403, message: "")
        let settlements = claims.filter { $0.operation.id != .text("leased") }.map { claim in
            let id = claim.operation.id
            let due = now.adding(milliseconds: 9000)
            let retry = Settlement.Result.retry(due: due, backoffMs: 9000, error: error, charged: false, failureMark: 1)
            return Settlement(seq: claim.seq, id: id, result: id == .text("failed") ? .failed(error) : retry)
        }
        _ = try await store.exchange(Exchange(fence: fence, now: now, settlements: settlements))
        for id in ["due1", "due2", "due3"] { try await enqueue(id, entity: id) }
        let later = now.adding(milliseconds: 5000)
        try await enqueue("early", entity: "early") { $0.notBefore = later }
        try await enqueue("parked", entity: "parked") { $0.principal = "someone" }
        for entity in ["due1", "retried", "leased", "parked"] {
            for n in 1...2 { try await enqueue("\(entity)-\(n)", entity: entity) }
        }
    }

    /// Everything that can hold up all heads, alone and together.
    private static let situations: [@Sendable (inout Explanation.Situation) -> Void] = [
        { _ in }, { $0.control.pauses = [.operator] }, { $0.control.pauses = [.auth, .tls] }, { $0.control.pauses = [.upgrade] },
        { $0.room = DiskRoom(freeBytes: 0) }, { $0.health.plagueSince = $0.now }, { $0.health.openUntil = $0.now.adding(milliseconds: 1) },
        { $0.health.holdUntil = $0.now.adding(milliseconds: 1) },
        { situation in
            situation.health.plagueSince = situation.now
            situation.control.pauses = [.auth]
        },
    ]

    @Test("the numbers of a queue are those of its operations, one reason each, whatever holds all up", arguments: situations.indices)
    func counts(index: Int) async throws {
        try await fill()
        var situation = Explanation.Situation(now: now, control: try await store.loadControl(), lock: try await store.lockState())
        Self.situations[index](&situation)
        var reasons: [Explanation.Reason: Int64] = [:]
        var claimable: Int64 = 0
        let all = try await store.list(OperationFilter(limit: 1000))
        #expect(all.count == 16)
        for operation in all {
            let told = Explanation.of(try #require(try await store.standing(of: operation.id)), situation)
            if let reason = told.reason { reasons[reason, default: 0] += 1 } else { claimable += 1 }
        }
        let queue = QueueExplanation.of(try await store.census(at: now), situation)
        #expect(queue.reasons == reasons)
        #expect(queue.claimable == claimable)
        #expect(queue.pending == 14)
        #expect(!queue.detail.isEmpty)
    }

    @Test("as JSON it has the members of the contract; reasons without operations are left out")
    func json() async throws {
        try await fill()
        let census = try await store.census(at: now)
        let free = QueueExplanation.of(census, .init(now: now))
        let counts: JSONValue = ["behind": 8, "not_before": 1, "backoff": 1, "principal": 1, "leased": 1, "failed": 1]
        #expect(free.json == ["pending": 14, "claimable": 3, "reasons": counts, "detail": .string(free.detail)])
        #expect(free.detail.contains("nobody delivers now"))
        let empty = QueueExplanation.of(Census(), .init(now: now))
        #expect(empty.json == ["pending": 0, "claimable": 0, "reasons": [:], "detail": "nothing waits to be sent"])
    }

    @Test("what waits is said to wait where none of it may go, and for what")
    func noneMayGo() {
        var census = Census()
        (census.behind, census.notBefore, census.parked, census.leased, census.failed) = (2, 1, 3, 1, 9)
        let detail = QueueExplanation.of(census, .init(now: now)).detail
        #expect(detail.hasPrefix("none of the 6 that wait may go now (behind 2, not_before 1, principal 3)"), "\(detail)")
        census.due = 1
        #expect(QueueExplanation.of(census, .init(now: now)).detail.hasPrefix("1 may go"))
    }

    @Test("the engine explains what is stored, knows what it holds itself, and has never heard of the rest")
    func engine() async throws {
        let rig = EngineRig()
        try await rig.enqueue(["a", "b"], entity: "e")
        #expect(try await rig.engine.explain(.text("a")).detail.contains("nobody delivers now"))
        #expect(try await rig.engine.explain(.text("a"), room: DiskRoom(freeBytes: 1)).reason == .disk)
        #expect(try await rig.engine.explainQueue(room: DiskRoom(freeBytes: 1)).reasons == [.disk: 1, .behind: 1])
        rig.transport.hold()
        try await rig.run {
            await rig.attempt(of: "a")
            let (head, next) = (try await rig.engine.explain(.text("a")), try await rig.engine.explain(.text("b")))
            #expect(head.reason == .leased)
            #expect(next.by == .text("a"))
            let queue = try await rig.engine.explainQueue()
            #expect(queue.reasons == [.leased: 1, .behind: 1])
            #expect(queue.claimable == 0)
        }
        await #expect(throws: SyncError.notFound(id: "nobody")) { try await rig.engine.explain(.text("nobody")) }
    }
}
