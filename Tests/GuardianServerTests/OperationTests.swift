import GuardianCore
import GuardianServer
import GuardianTesting
import NIOHTTP1
import Testing

@Suite struct OperationTests {
    private let failure = LastError(class: .permanent, code: "FORBIDDEN", httpStatus: 403, message: "not yours")

    @Test("an operation comes back under the names of the contract")
    func show() async throws {
        let full = """
            {"id":"op-1","operation_type":"update","entity_type":"room","entity_id":"a","ordering_key":"k",\
            "idempotency_key":"0f8fad5b-d9cb-469f-a165-70867728950e","trace_id":"7c9e6679-7425-40de-944b-e07fc1f90ae7",\
            "payload":{"n":9007199254740993},"base":{"n":1},"txn_token":"t","priority":5,"not_before":"2025-01-01T00:00:00Z",\
            "expires_at":"2027-01-01T01:00:00.5+01:00","schema_version":2}
            """
        try await Sidecar.run { sidecar in
            try await sidecar.accept(full)
            try await sidecar.settleHeads(
                .retry(
                    due: sidecar.clock.now.wall.adding(milliseconds: 1500), backoffMs: 1500, error: failure, charged: true, failureMark: 1))
            let answer = try await sidecar.get("/v1/operations/op-1")
            #expect(answer.status == 200)
            let known: JSONValue = [
                "id": "op-1", "seq": 1, "status": "pending", "idempotency_key": "0f8fad5b-d9cb-469f-a165-70867728950e",
                "trace_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "operation_type": "update", "entity_type": "room", "entity_id": "a",
                "ordering_key": "k", "payload": ["n": .number("9007199254740993")], "base": ["n": 1], "txn_token": "t", "priority": 5,
                "not_before": "2025-01-01T00:00:00.000Z", "expires_at": "2027-01-01T00:00:00.500Z", "schema_version": 2,
                "enqueued_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z", "attempt_count": 1,
                "last_attempt_at": "2026-01-01T00:00:00.000Z", "next_retry_at": "2026-01-01T00:00:01.500Z", "backoff_ms": 1500,
                "last_error": ["class": "permanent", "code": "FORBIDDEN", "http_status": 403, "message": "not yours"],
            ]
            for member in try #require(known.members) { #expect(answer.json[member.name] == member.value, "\(member.name)") }
        }
    }

    @Test("what is not in the queue is 404, whatever is asked of it")
    func unknown() async throws {
        try await Sidecar.run { sidecar in
            for id in ["nobody", "018f3c6e-7b1a-7000-8000-000000000000", String(repeating: "x", count: 2000)] {
                try await sidecar.get("/v1/operations/" + id).expectProblem(404)
                try await sidecar.send(.DELETE, "/v1/operations/" + id).expectProblem(404)
            }
        }
    }

    @Test("a retry of what is not in the queue is 404")
    func retryUnknown() async throws {
        try await Sidecar.run { try await $0.send(.POST, "/v1/operations/nobody/retry").expectProblem(404) }
    }

    @Test(
        "an id of any printable characters can be asked for, percent-encoded",
        arguments: [("a/b", "a%2Fb"), ("50%?#", "50%25%3F%23"), ("a+b&c", "a+b&c")])
    func encodedID(id: String, encoded: String) async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept(operation("a", id: id))
            #expect(try await sidecar.get("/v1/operations/" + encoded).json["id"]?.string == id)
            #expect(try await sidecar.send(.DELETE, "/v1/operations/" + encoded).status == 200)
        }
    }

    @Test("a cancel says whether the operation may have been sent, and it is gone then")
    func cancel() async throws {
        try await Sidecar.run { sidecar in
            let returned = Settlement.Result.returned
            for (attempted, expected) in [(nil, "never_sent"), (returned, "may_have_applied")] as [(Settlement.Result?, String)] {
                let id = "op-" + expected
                try await sidecar.accept(operation("a", id: id))
                if let attempted { try await sidecar.settleHeads(attempted) }
                let answer = try await sidecar.send(.DELETE, "/v1/operations/" + id)
                #expect(answer.status == 200)
                #expect(answer.json["id"] == .string(id) && answer.json["cancelled"] == .string(expected))
                // An update without its base can't be taken back.
                #expect(answer.json["undo"] == (attempted == nil ? nil : .null))
                try await sidecar.send(.DELETE, "/v1/operations/" + id).expectProblem(404)
                try await sidecar.get("/v1/operations/" + id).expectProblem(404)
            }
            #expect(try await sidecar.store.books().cancelled == 2)
        }
    }

    @Test("what is on the wire is not cancelled")
    func cancelInFlight() async throws {
        try await Sidecar.run(delivers: true) { sidecar in
            try await sidecar.accept(operation("a", id: "x"))
            await sidecar.transport.waitForAttempts(1)
            try await sidecar.send(.DELETE, "/v1/operations/x").expectProblem(409, says: "on the wire")
            #expect(try await sidecar.get("/v1/operations/x").json["status"] == "processing")
        }
    }

    @Test("a failed operation is retried; one that has not failed is not")
    func retry() async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept(operation("a", id: "x"))
            try await sidecar.send(.POST, "/v1/operations/x/retry").expectProblem(409, says: "not among the failed")
            try await sidecar.settleHeads(.failed(failure))
            #expect(try await sidecar.get("/v1/operations/x").json["status"] == "failed")
            let answer = try await sidecar.send(.POST, "/v1/operations/x/retry")
            #expect(answer.status == 200)
            #expect(answer.json == ["id": "x", "status": "pending"])
            #expect(try await sidecar.get("/v1/operations/x").json["status"] == "pending")
            try await sidecar.send(.POST, "/v1/operations/x/retry").expectProblem(409)
        }
    }

    @Test("a retry and a cancel are told to whoever follows the events", .timeLimit(.minutes(1)))
    func tells() async throws {
        try await Sidecar.run { sidecar in
            var events = sidecar.engine.events.makeAsyncIterator()
            try await sidecar.accept(operation("a", id: "x"))
            try await sidecar.settleHeads(.failed(failure))
            _ = try await sidecar.send(.POST, "/v1/operations/x/retry")
            _ = try await sidecar.send(.DELETE, "/v1/operations/x")
            var told: [Event] = []
            while told.count < 3, let event = await events.next() { told.append(event) }
            #expect(told.map(\.name) == ["enqueued", "retried", "cancelled"])
            #expect(told.last == .cancelled(id: .text("x"), mayHaveApplied: true))
        }
    }

    @Test("pause stops delivery until resume, and both may be said twice")
    func pause() async throws {
        try await Sidecar.run { sidecar in
            for (path, paused) in [("pause", true), ("pause", true), ("resume", false), ("resume", false)] {
                let answer = try await sidecar.send(.POST, "/v1/" + path)
                #expect(answer.status == 200)
                #expect(answer.json == ["paused": .bool(paused)])
                #expect(try await sidecar.get("/v1/status").json["pauses"] == (paused ? ["paused"] : []))
                #expect(try await sidecar.store.loadControl().pauses == (paused ? [.operator] : []))
            }
        }
    }

    @Test("status shows the books, and whether this process delivers")
    func status() async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept("[\(operation("a")),\(operation("b"))]")
            let status = try await sidecar.get("/v1/status").json
            #expect(status["books"]?["accepted"] == 2)
            #expect(status["books"]?["pending"] == 2)
            #expect(status["delivering"] == false)
            #expect(status["lock"] == .null)
        }
        try await Sidecar.run(delivers: true) { sidecar in
            try await sidecar.accept(operation("a"))
            await sidecar.transport.waitForAttempts(1)
            #expect(try await sidecar.get("/v1/status").json["delivering"] == true)
            let ready = try await sidecar.get("/readyz").json
            #expect(ready["ready"] == true)
            #expect(ready["delivering"] == true)
        }
    }

    @Test(
        "there is nothing at other paths",
        arguments: ["/", "/v1", "/v2/operations", "/v1/operation", "/v1/operations/x/y", "/v1/operations/x/retry/z", "/..%2Fv1"])
    func unknownPath(path: String) async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.get(path).expectProblem(404)
            try await sidecar.send(.POST, path).expectProblem(404)
        }
    }

    @Test(
        "a method that a path does not take is 405, with those that it does",
        arguments: [
            (HTTPMethod.PUT, "/v1/operations", "GET, HEAD, POST"), (.DELETE, "/v1/operations", "GET, HEAD, POST"),
            (.POST, "/v1/operations/x", "DELETE, GET, HEAD"), (.PATCH, "/v1/operations/x", "DELETE, GET, HEAD"),
            (.GET, "/v1/operations/x/retry", "POST"), (.GET, "/v1/pause", "POST"), (.PUT, "/v1/resume", "POST"),
            (.POST, "/v1/events", "GET"), (.POST, "/v1/status", "GET, HEAD"), (.DELETE, "/healthz", "GET, HEAD"),
            (.POST, "/readyz", "GET, HEAD"),
        ])
    func wrongMethod(method: HTTPMethod, path: String, allowed: String) async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.send(method, path)
            answer.expectProblem(405, says: method.rawValue)
            #expect(answer.headers["allow"] == [allowed])
        }
    }
}
