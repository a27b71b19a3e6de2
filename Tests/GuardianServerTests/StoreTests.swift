import GuardianCore
import GuardianServer
import GuardianTesting
import NIOHTTP1
import Testing

@Suite struct StoreTests {
    /// Expects that everything that needs a store is refused like this, and that nothing else is.
    private func expectRefused(_ sidecar: Sidecar, _ status: Int, says: String) async throws {
        for path in ["/readyz", "/v1/status", "/v1/operations", "/v1/operations/x"] {
            try await sidecar.get(path).expectProblem(status, says: says)
        }
        for path in ["/v1/operations/x/retry", "/v1/pause", "/v1/resume"] {
            try await sidecar.send(.POST, path).expectProblem(status, says: says)
        }
        try await sidecar.send(.DELETE, "/v1/operations/x").expectProblem(status, says: says)
        try await sidecar.post(operation("a")).expectProblem(status, says: says)
        #expect(try await sidecar.get("/healthz").status == 200)
        try await sidecar.get("/nowhere").expectProblem(404)
    }

    @Test("a store in trouble is a problem wherever it is needed; the process itself is alive, and so is the store afterwards")
    func troubled() async throws {
        let store = TroubledStore()
        try await Sidecar.run(store: store) { sidecar in
            #expect(try await sidecar.get("/readyz").status == 200)
            for (trouble, status) in [(StoreError.unavailable("busy"), 503), (.full(free: 10, needed: 20), 507)] {
                store.trouble = trouble
                try await expectRefused(sidecar, status, says: trouble.description)
            }
            store.trouble = nil
            #expect(try await sidecar.get("/readyz").status == 200)
            try await sidecar.accept(operation("a"))
        }
    }

    @Test("until its store is open a server says why it can't serve, and serves from then on")
    func opensLater() async throws {
        try await Sidecar.run(isOpen: false) { sidecar in
            try await expectRefused(sidecar, 503, says: "being opened")
            try await sidecar.get("/v1/events").expectProblem(503)
            sidecar.server.refuse(.newerVersion(found: "9999-future"))
            try await expectRefused(sidecar, 503, says: "9999-future")
            sidecar.server.refuse(.full(free: 10, needed: 20))
            try await expectRefused(sidecar, 507, says: "10 bytes free")
            sidecar.server.serve(engine: sidecar.engine, store: sidecar.store)
            #expect(try await sidecar.get("/readyz").status == 200)
            try await sidecar.accept(operation("a"))
        }
    }
}
