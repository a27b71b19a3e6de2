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

    static let wrong = DeliveryError.Kind.validation(field: nil, constraint: nil)

    @Test(
        "an answer has the case of its status",
        arguments: [
            (400, wrong), (401, .unauthorized), (403, .permissionDenied), (404, .notFound), (405, wrong), (408, .timeout),
            (409, .conflict(.changed, serverVersion: nil, clientVersion: nil)), (410, .notFound),
            (412, .preconditionFailed(sent: nil, found: nil)), (413, wrong), (422, wrong), (425, .serviceUnavailable),
            (426, .clientVersion(minimum: nil)), (429, .rateLimited(retryAfterMs: nil, limit: nil, resetAt: nil)),
            (451, .permissionDenied), (500, .server), (503, .serviceUnavailable), (504, .timeout), (200, .server),
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
        #expect(LastError(class: .permanent, code: "NO_ROUTE", message: "").kind == Self.wrong)
        #expect(LastError(class: .permanent, code: "SCHEMA_TOO_NEW", message: "").kind == .clientVersion(minimum: nil))
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
        let due = Timestamp(milliseconds: 5000)
        #expect(operation.deliveryError?.kind == .rateLimited(retryAfterMs: 5000, limit: nil, resetAt: due))
        // What the answer says of the next window is not the wait.
        operation.lastError?.details = ErrorDetails(limit: 100, resetAt: Timestamp(milliseconds: 60_000))
        let next = Timestamp(milliseconds: 60_000)
        #expect(operation.deliveryError?.kind == .rateLimited(retryAfterMs: 5000, limit: 100, resetAt: next))
    }

    @Test("what the answer tells fills its case, and what was fetched since is newer")
    func details() throws {
        func kind(_ status: Int, _ errorClass: ErrorClass, _ details: ErrorDetails) -> DeliveryError.Kind {
            LastError(class: errorClass, code: "X", httpStatus: status, message: "", details: details).kind
        }
        let fields = [ErrorDetails.Field("name", "must be short"), ErrorDetails.Field("floor")]
        #expect(kind(422, .permanent, ErrorDetails(fields: fields)) == .validation(field: "name", constraint: "must be short"))
        #expect(kind(426, .upgrade, ErrorDetails(minimumVersion: "2.4")) == .clientVersion(minimum: "2.4"))
        #expect(kind(412, .conflict, ErrorDetails(sentETag: "a", foundETag: "b")) == .preconditionFailed(sent: "a", found: "b"))
        let conflict = ErrorDetails(conflict: .gone, serverVersion: "8", clientVersion: "2")
        #expect(kind(409, .conflict, conflict) == .conflict(.gone, serverVersion: "8", clientVersion: "2"))
        var operation = try stored()
        operation.lastError = Self.error(409, .conflict)
        operation.lastError?.details = conflict
        operation.server = ServerState(state: #"{"version":9}"#)
        #expect(operation.deliveryError?.kind == .conflict(.gone, serverVersion: "9", clientVersion: "3"))
        operation.lastError = LastError(class: .permanent, code: "X", httpStatus: 400, message: "", details: ErrorDetails(fields: fields))
        #expect(operation.deliveryError?.fields == fields)
    }

    @Test("a failed precondition keeps the ETag that was sent: the operation itself may not know it any more")
    func keepsWhatWasSent() throws {
        var random = Xoshiro256(seed: 1)
        var operation = try stored()
        for (etag, sent) in [("\"v3\"", "\"v3\""), ("W/\"v3\"", nil), (nil, nil)] as [(String?, String?)] {
            operation.ifMatch = etag
            let answer = Answer(status: 412, details: ErrorDetails(foundETag: "\"v7\""))
            let situation = OutcomeDecider.Situation(operation: operation, othersSucceed: true)
            let decision = OutcomeDecider(policy: .standard).decide(.refused(.conflict, answer), situation, random: &random)
            guard case .failed(let error, _) = decision else {
                Issue.record("not a conflict: \(decision)")
                return
            }
            #expect(error.kind == .preconditionFailed(sent: sent, found: "\"v7\""))
        }
    }

    @Test(
        "the words of an upstream say what stood against a write",
        arguments: [
            ("ALREADY_EXISTS", .exists), ("room_exists", .exists), ("DuplicateKey", .exists), ("VERSION_CONFLICT", .changed),
            ("version-mismatch", .changed), ("stale", .changed), ("concurrent_modification", .changed), ("DELETED", .gone),
            ("NOT_EXISTS", .gone), ("gone", .gone), ("CONFLICT", nil), ("HTTP_409", nil), ("", nil), ("日本", nil),
        ] as [(String, DeliveryError.ConflictKind?)])
    func words(word: String, kind: DeliveryError.ConflictKind?) {
        #expect(DeliveryError.ConflictKind(word: word) == kind)
        guard let kind else { return }
        let error = LastError(class: .conflict, code: word, httpStatus: 409, message: "")
        #expect(error.kind == .conflict(kind, serverVersion: nil, clientVersion: nil))
    }

    /// Everything at once, with what is hard to keep.
    private static let everything = ErrorDetails(
        fields: [.init("name", "must not hold \u{1E} or \0, \"quotes\" or \\"), .init("zoë.0.é")], minimumVersion: "2.4", limit: 100,
        resetAt: Timestamp(milliseconds: 1_767_225_600_007), conflict: .changed, serverVersion: "7", clientVersion: "6", sentETag: "\"a\"",
        foundETag: "\"b\"", traceID: UniqueID("6f1d1c0e-7a43-4f0e-9c1b-3f6a1f1c2d3e"))

    @Test("message and details are kept in one text, and come back as they were", arguments: ["no", "", "a\u{1E}{\"m\":\"9\"}", "}\n{"])
    func kept(message: String) {
        let error = LastError(class: .conflict, code: "X", httpStatus: 409, message: message, details: Self.everything)
        #expect(LastError(class: .conflict, code: "X", httpStatus: 409, storedMessage: error.storedMessage) == error)
        let plain = LastError(class: .conflict, code: "X", message: message)
        #expect(plain.storedMessage == plain.message && !plain.message.contains("\u{1E}"))
        #expect(LastError(class: .conflict, code: "X", httpStatus: nil, storedMessage: plain.storedMessage) == plain)
    }

    @Test("what an older build has stored is all message", arguments: ["plain", "a\u{1E}b", "a\u{1E}", "\u{1E}[1]", "a\u{1E}{\"z\":1}"])
    func older(text: String) {
        let error = LastError(class: .permanent, code: "X", httpStatus: 400, storedMessage: text)
        #expect(error.details == nil && error.message.count == text.count)
    }

    @Test("details stay small, whatever they are made from")
    func bounds() {
        let long = String(repeating: "e\u{301}", count: 100_000)
        let fields = (0..<100).map { _ in ErrorDetails.Field(long, long) }
        let details = ErrorDetails(
            fields: fields, minimumVersion: long, limit: -1, resetAt: Timestamp(milliseconds: .max), serverVersion: long, clientVersion: "",
            sentETag: long, foundETag: long)
        #expect(details == ErrorDetails(fields: Array(fields.prefix(ErrorDetails.mostFields))))
        #expect(details.fields.count == ErrorDetails.mostFields)
        #expect(details.fields.allSatisfy { $0.name.unicodeScalars.count == ErrorDetails.longestName })
        #expect(details.fields.allSatisfy { $0.constraint?.unicodeScalars.count == ErrorDetails.longestConstraint })
        let error = LastError(class: .permanent, code: "X", httpStatus: 422, message: long, details: details)
        #expect(error.storedMessage.unicodeScalars.count < 10_000)
        #expect(LastError(class: .permanent, code: "X", message: "", details: ErrorDetails(limit: -1)).details == nil)
    }

    @Test("an upgrade that is asked for, and a login, are told of the operation that met them, and of the pause")
    func pauses() async throws {
        let details = ErrorDetails(minimumVersion: "2.4")
        let refusals: [(Outcome, Pause, DeliveryError.Kind)] = [
            (
                .refused(.upgrade, Answer(status: 426, code: "TOO_OLD", message: "update", details: details)), .upgrade,
                .clientVersion(minimum: "2.4")
            ),
            (.refused(.auth, Answer(status: 401, code: "TOO_OLD", message: "update")), .auth, .unauthorized),
        ]
        for (refusal, pause, kind) in refusals {
            let rig = EngineRig()
            rig.transport.answerOtherwise(refusal)
            try await rig.enqueue(["a"])
            #expect(try await rig.engine.deliveryError(behind: pause) == nil)
            try await rig.run {
                await rig.sink.first { $0 == .paused(pause) }
                let error = try await rig.engine.deliveryError(of: .text("a"))
                #expect(error?.kind == kind && error?.code == "TOO_OLD" && error?.message == "update")
                let behind = try await rig.engine.deliveryError(behind: pause)
                #expect(behind == error)
                let other = try await rig.engine.deliveryError(behind: .operator)
                #expect(other == nil)
                let state = try await rig.engine.state(of: EntityKey(type: "room", id: "a"))
                #expect(state == .pending(1))
            }
            let stored = try await rig.store.operation(.text("a"))
            #expect(stored?.status == .pending && stored?.attemptCount == 0 && stored?.tries == 0)
        }
    }

    @Test("a change that is rolled back has the whole error of the operation that failed, also for who attaches after a restart")
    func rolledBack() async throws {
        let (store, transport) = (MemoryStore(), ScriptedTransport())
        let conflict = Answer(status: 409, code: "VERSION_CONFLICT", message: "theirs is newer", details: ErrorDetails(serverVersion: "8"))
        transport.answer(.refused(.conflict, conflict))
        let first = SyncEngine(store: store, transport: transport)
        let room = EntityKey(type: "room", id: "1")
        try await first.optimistic.register(OptimisticChange(txnToken: "t", entity: room, original: nil))
        try await first.enqueue(
            NewOperation(
                "update", entityType: room.type, entityID: room.id, payload: "{}", id: "a", base: #"{"version":3}"#, txnToken: "t"))
        async let running: Void = first.run()
        _ = try await first.outcome(of: .text("a"))
        first.drain()
        try await running
        let trace = try await store.operation(.text("a"))?.traceID

        let second = SyncEngine(store: store, transport: transport)
        let (endings, told) = AsyncStream.makeStream(of: OptimisticEnding.self)
        second.optimistic.attach { _, ending in told.yield(ending) }
        async let again: Void = second.run()
        let ending = await endings.first { _ in true }
        let error = try #require(ending?.deliveryError)
        #expect(error.kind == .conflict(.changed, serverVersion: "8", clientVersion: "3"))
        #expect(error.code == "VERSION_CONFLICT" && error.httpStatus == 409 && error.message == "theirs is newer")
        #expect(error.traceID == trace && trace != nil && !error.canBeRetried)
        second.drain()
        try await again
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
