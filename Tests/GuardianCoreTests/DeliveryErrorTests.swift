import GuardianCore
import GuardianTesting
import Testing

/// Errors have one case for each kind of trouble (spec section 4).
@Suite struct DeliveryErrorTests {
    private static func error(_ status: Int, _ errorClass: ErrorClass) -> LastError {
        LastError(class: errorClass, code: "HTTP_\(status)", httpStatus: status, message: "no")
    }

    private func stored(_ type: String = "update") throws -> Operation {
        var random = Xoshiro256(seed: 1)
        let new = NewOperation(
            type, entityType: "room", entityID: "1", payload: #"{"name":"Galley","version":4}"#, base: #"{"name":"Kitchen","version":3}"#)
        return try Admission().admit(new, at: Timestamp(milliseconds: 0), random: &random)
    }

    @Test(
        "an answer has the case of its status",
        arguments: [
            (400, .validation), (401, .unauthorized), (403, .permissionDenied), (404, .notFound), (405, .validation), (408, .timeout),
            (409, .conflict(.changed, serverVersion: nil, clientVersion: nil)), (410, .notFound),
            (412, .preconditionFailed(sent: nil, found: nil)), (413, .validation), (422, .validation), (425, .serviceUnavailable),
            (426, .clientVersion), (429, .rateLimited(retryAfterMs: nil, resetAt: nil)), (451, .permissionDenied), (500, .server),
            (503, .serviceUnavailable), (504, .timeout), (200, .server),
        ] as [(Int, DeliveryError.Kind)])
    func statuses(status: Int, kind: DeliveryError.Kind) {
        #expect(Self.error(status, .permanent).kind == kind)
    }

    @Test("what never had an answer says what kept it, also when it was given up on")
    func network() {
        for failure in NetworkFailure.allCases {
            for errorClass in [ErrorClass.network, .exhausted] {
                let error = LastError(class: errorClass, code: failure.rawValue.uppercased(), message: "")
                #expect(error.kind == (failure == .timeout ? .timeout : .network(failure)))
                #expect(error.canBeRetried)
            }
        }
        #expect(LastError(class: .tls, code: "TLS", message: "").kind == .network(.tls))
    }

    @Test("what the engine found or did itself is told from answers")
    func engine() {
        #expect(LastError(class: .permanent, code: "NO_ROUTE", message: "").kind == .validation)
        #expect(LastError(class: .permanent, code: "SCHEMA_TOO_NEW", message: "").kind == .clientVersion)
        #expect(LastError.crashSuspect.kind == .setAside(.crashSuspect))
        #expect(LastError.dependsOn("t").kind == .setAside(.dependency))
        #expect(LastError(class: .conflict, code: "NO_FETCH", message: "").kind.isConflict)
        // Asked again while the first request is in progress.
        #expect(LastError(class: .transient, code: "IDEMPOTENCY_IN_PROGRESS", httpStatus: 409, message: "").kind == .serviceUnavailable)
    }

    @Test("conflicts carry both versions, a failed precondition both ETags, a rate limit its end")
    func carries() throws {
        var operation = try stored()
        operation.lastError = Self.error(409, .conflict)
        operation.server = ServerState(state: #"{"version":7}"#, etag: "v7")
        operation.ifMatch = "v3"
        #expect(operation.deliveryError?.kind == .conflict(.changed, serverVersion: "7", clientVersion: "3"))
        operation.lastError = Self.error(412, .conflict)
        #expect(operation.deliveryError?.kind == .preconditionFailed(sent: "v3", found: "v7"))
        operation.server = ServerState(isGone: true)
        operation.base = nil
        operation.lastError = Self.error(409, .conflict)
        #expect(operation.deliveryError?.kind == .conflict(.gone, serverVersion: nil, clientVersion: "4"))
        var create = try stored("create")
        create.lastError = Self.error(409, .conflict)
        #expect(create.deliveryError?.kind == .conflict(.exists, serverVersion: nil, clientVersion: "3"))
        operation.lastError = Self.error(429, .transient)
        operation.backoffMs = 5000
        operation.nextRetryAt = Timestamp(milliseconds: 5000)
        #expect(operation.deliveryError?.kind == .rateLimited(retryAfterMs: 5000, resetAt: Timestamp(milliseconds: 5000)))
    }

    @Test("the engine tells the typed error of an operation, with its trace id and whether it can be retried")
    func told() async throws {
        let (store, transport) = (MemoryStore(), ScriptedTransport(otherwise: .status(403, code: "NOT_YOURS", message: "not yours")))
        let engine = SyncEngine(store: store, transport: transport)
        try await engine.enqueue(NewOperation("update", entityType: "room", entityID: "1", payload: "{}", id: "a"))
        #expect(try await engine.deliveryError(of: .text("a")) == nil)
        async let running: Void = engine.run()
        guard case .failed(let last) = try await engine.outcome(of: .text("a")) else { throw SyncError.refused(reason: "not failed") }
        #expect(last.kind == .permissionDenied && !last.canBeRetried)
        let error = try #require(try await engine.deliveryError(of: .text("a")))
        #expect(error.kind == .permissionDenied && error.code == "NOT_YOURS" && error.message == "not yours" && error.httpStatus == 403)
        #expect(!error.canBeRetried)
        let stored = try await store.operation(.text("a"))
        #expect(error.traceID == stored?.traceID)
        engine.drain()
        try await running
        #expect(try await engine.deliveryError(of: .text("none")) == nil)
    }
}

extension DeliveryError.Kind {
    fileprivate var isConflict: Bool { if case .conflict = self { true } else { false } }
}
