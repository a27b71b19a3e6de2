import GuardianCore
import GuardianServer
import GuardianTesting
import NIOHTTP1
import Testing

@Suite struct ReadinessTests {
    private let now = Timestamp(milliseconds: 1_800_000_000_000)

    private func readiness(
        _ change: (inout Explanation.Situation) -> Void = { _ in }, storeError: StoreError? = nil, isDelivering: Bool = true
    ) -> Readiness {
        var situation = Explanation.Situation(now: now, room: DiskRoom(freeBytes: 1 << 30))
        change(&situation)
        return Readiness(situation, storeError: storeError, isDelivering: isDelivering)
    }

    private func state(_ readiness: Readiness, _ name: String) -> String? { readiness.checks.first { $0.name == name }?.state }

    @Test("a healthy processor is ready, and has nothing to say")
    func healthy() {
        let found = readiness()
        #expect(found.isReady)
        #expect(found.reasons.isEmpty)
        #expect(found.checks.map(\.name) == ["store", "disk", "lock", "breaker", "auth", "delivery"])
        #expect(found.checks.map(\.state) == ["writable", "room", "held", "closed", "accepted", "on"])
    }

    @Test("what keeps an enqueue from being kept makes it not ready, with the reason")
    func notReady() {
        let broken = readiness(storeError: .readOnly("guardian.sqlite"))
        #expect(!broken.isReady)
        #expect(broken.reasons.first?.contains("guardian.sqlite") == true)
        // What the reserve holds is not for new work.
        let full = readiness { $0.room = DiskRoom(freeBytes: 1000, reservedBytes: 1 << 30) }
        #expect((full.isReady, state(full, "disk")) == (false, "full"))
        #expect(full.reasons == ["disk: all work is refused: 1000 bytes are free where the store lives, 16777216 are needed; make room"])
    }

    @Test("between the watermarks it is ready only where ordinary work is taken there")
    func low() {
        let low = readiness { $0.room = DiskRoom(freeBytes: 40 << 20) }
        #expect((low.isReady, state(low, "disk")) == (false, "low"))
        #expect(low.reasons.first?.contains("priority 0 and less is refused: 41943040 bytes are free") == true)
        let enough = readiness { $0.room = DiskRoom(freeBytes: 40 << 20, lowPriority: -1) }
        #expect((enough.isReady, state(enough, "disk"), enough.reasons.count) == (true, "low", 1))
        let edge = readiness { $0.room = DiskRoom(freeBytes: 64 << 20) }
        #expect((edge.isReady, state(edge, "disk")) == (true, "room"))
    }

    @Test("what only holds up delivery is told, and keeps it ready")
    func held() throws {
        let open = readiness { $0.control.health = OriginHealth(openUntil: now.adding(milliseconds: 5000)) }
        #expect((open.isReady, state(open, "breaker")) == (true, "open"))
        #expect(open.reasons.count == 1)
        let probing = readiness { $0.control.health = OriginHealth(openUntil: now.adding(milliseconds: -1)) }
        #expect((probing.isReady, state(probing, "breaker")) == (true, "half_open"))
        let login = readiness { $0.control.pauses = [.auth] }
        #expect((login.isReady, state(login, "auth"), state(login, "delivery")) == (true, "auth_required", "on"))
        let paused = readiness { $0.control.pauses = [.operator] }
        #expect((paused.isReady, state(paused, "delivery")) == (true, "paused"))
        let lock = LockState(fence: Fence(owner: "other", epoch: 2), heartbeatAt: now, acquiredAt: now)
        let standby = readiness({ $0.lock = lock }, isDelivering: false)
        #expect((standby.isReady, state(standby, "lock")) == (true, "standby"))
        #expect(standby.reasons.isEmpty)
        let alone = readiness(isDelivering: false)
        #expect((alone.isReady, state(alone, "lock")) == (true, "free"))
        #expect(alone.json["reasons"]?.elements?.count == 1)
    }

    @Test("/readyz has the checks in JSON, and is 503 with them when the disk is full")
    func endpoint() async throws {
        var configuration = APIServer.Configuration(port: 0)
        configuration.room = { DiskRoom(freeBytes: 1 << 30) }
        try await Sidecar.run(configuration) { sidecar in
            try await sidecar.engine.pause()
            let answer = try await sidecar.get("/readyz")
            #expect(answer.status == 200)
            #expect(answer.json["checks"]?["store"]?["ok"] == true)
            #expect(answer.json["checks"]?["delivery"]?["state"] == "paused")
            #expect(answer.json["reasons"]?.elements?.isEmpty == false)
        }
        configuration.room = { DiskRoom(freeBytes: 10) }
        try await Sidecar.run(configuration) { sidecar in
            let answer = try await sidecar.get("/readyz")
            #expect(answer.status == 503)
            #expect(answer.json["detail"]?.string?.contains("10 bytes are free") == true)
            #expect(answer.json["checks"]?["disk"]?["state"] == "full")
            #expect(answer.json["ready"] == false)
        }
    }

    @Test("metrics come from whoever measures; without one the pages are not there")
    func pages() async throws {
        try await Sidecar.run { sidecar in
            for path in ["/metrics", "/metrics.json"] { try await sidecar.get(path).expectProblem(404, says: "metrics.enabled") }
        }
        var configuration = APIServer.Configuration(port: 0)
        configuration.metrics = MetricsPages(
            exposition: { accept in ("text/x-\(accept ?? "none")", "up 1\n") }, json: { ["up": 1] })
        try await Sidecar.run(configuration, isOpen: false) { sidecar in
            let answer = try await sidecar.send(.GET, "/metrics", fields: [("Accept", "a")])
            #expect((answer.status, answer.body) == (200, "up 1\n"))
            #expect(answer.headers.first(name: "content-type") == "text/x-a")
            #expect(try await sidecar.get("/metrics.json").json == ["up": 1])
        }
    }
}
