import GuardianCore
import GuardianServer
import GuardianTesting
import NIOHTTP1
import Testing

@Suite struct ExplainTests {
    private let failure = LastError(class: .permanent, code: "FORBIDDEN", httpStatus: 403, message: "not yours")

    /// What `explain` says of an operation; it must answer 200, with a detail.
    private func explain(_ id: String, _ sidecar: Sidecar, at place: SourceLocation = #_sourceLocation) async throws -> JSONValue {
        let answer = try await sidecar.get("/v1/operations/\(id)/explain")
        #expect(answer.status == 200, "\(answer.body)", sourceLocation: place)
        #expect(answer.headers["content-type"] == ["application/json; charset=utf-8"], sourceLocation: place)
        #expect(answer.json["detail"]?.string?.isEmpty == false, "\(answer.body)", sourceLocation: place)
        return answer.json
    }

    /// The counts; a sentence for people comes with them.
    private func queue(_ sidecar: Sidecar) async throws -> JSONValue {
        let answer = try await sidecar.get("/v1/explain")
        #expect(answer.status == 200, "\(answer.body)")
        #expect(answer.json["detail"]?.string?.isEmpty == false, "\(answer.body)")
        return .object((answer.json.members ?? []).filter { $0.name != "detail" })
    }

    @Test("what may go is claimable and has no reason; what stands behind it names it")
    func line() async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept("[\(operation("a", id: "first")),\(operation("a", id: "50%/2"))]")
            let first = try await explain("first", sidecar)
            #expect(first.members?.map(\.name) == ["id", "claimable", "detail"])
            #expect(first["claimable"] == true)
            #expect(first["detail"]?.string?.contains("nobody delivers now") == true)
            let second = try await explain("50%25%2F2", sidecar)
            #expect(second.members?.map(\.name) == ["id", "claimable", "reason", "by", "detail"])
            #expect(second["id"] == "50%/2")
            #expect(second["claimable"] == false)
            #expect(second["reason"] == "behind")
            #expect(second["by"] == "first")
            #expect(try await queue(sidecar) == ["pending": 2, "claimable": 1, "reasons": ["behind": 1]])
        }
    }

    @Test("a pause takes all heads, and resume gives them back")
    func paused() async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept("[\(operation("a", id: "x")),\(operation("a")),\(operation("b"))]")
            #expect(try await sidecar.send(.POST, "/v1/pause").status == 200)
            #expect(try await explain("x", sidecar)["reason"] == "paused")
            #expect(try await queue(sidecar) == ["pending": 3, "claimable": 0, "reasons": ["behind": 1, "paused": 2]])
            #expect(try await sidecar.send(.POST, "/v1/resume").status == 200)
            #expect(try await explain("x", sidecar)["claimable"] == true)
            #expect(try await queue(sidecar) == ["pending": 3, "claimable": 2, "reasons": ["behind": 1]])
        }
    }

    @Test("times have an until: the first one, and that of a retry, with the error it met")
    func times() async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept(operation("a", id: "tried"))
            let due = sidecar.clock.now.wall.adding(milliseconds: 1500)
            try await sidecar.settleHeads(.retry(due: due, backoffMs: 1500, error: failure, charged: true, failureMark: 1))
            try await sidecar.accept(operation("b", id: "early", #","payload":{},"not_before":"2026-01-01T01:00:00Z""#))
            let tried = try await explain("tried", sidecar)
            #expect(tried["reason"] == "backoff")
            #expect(tried["until"] == "2026-01-01T00:00:01.500Z")
            #expect(tried["detail"]?.string?.contains("FORBIDDEN") == true)
            let early = try await explain("early", sidecar)
            #expect(early["reason"] == "not_before")
            #expect(early["until"] == "2026-01-01T01:00:00.000Z")
            #expect(try await queue(sidecar) == ["pending": 2, "claimable": 0, "reasons": ["not_before": 1, "backoff": 1]])
            let detail = try await sidecar.get("/v1/explain").json["detail"]?.string
            #expect(detail?.contains("(not_before 1, backoff 1)") == true, "\(detail ?? "")")
            sidecar.clock.advance(byMilliseconds: 1500)
            #expect(try await explain("tried", sidecar)["claimable"] == true)
        }
    }

    @Test("what has failed says why; what is on the wire is leased")
    func outOfLine() async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept(operation("a", id: "x"))
            try await sidecar.settleHeads(.failed(failure))
            let told = try await explain("x", sidecar)
            #expect(told["reason"] == "failed")
            #expect(told["detail"]?.string?.contains("permanent: FORBIDDEN, HTTP 403: not yours") == true)
            #expect(try await queue(sidecar) == ["pending": 0, "claimable": 0, "reasons": ["failed": 1]])
        }
        try await Sidecar.run(delivers: true) { sidecar in
            try await sidecar.accept(operation("a", id: "x"))
            await sidecar.transport.waitForAttempts(1)
            #expect(try await explain("x", sidecar)["reason"] == "leased")
            #expect(try await queue(sidecar) == ["pending": 0, "claimable": 0, "reasons": ["leased": 1]])
        }
    }

    @Test("a disk without room for a claim is a reason, for all heads")
    func disk() async throws {
        var configuration = APIServer.Configuration(port: 0)
        configuration.room = { DiskRoom(freeBytes: 4096) }
        try await Sidecar.run(configuration) { sidecar in
            try await sidecar.accept("[\(operation("a", id: "x")),\(operation("a"))]")
            let told = try await explain("x", sidecar)
            #expect(told["reason"] == "disk")
            #expect(told["detail"]?.string?.contains("4096 bytes") == true)
            #expect(try await queue(sidecar)["reasons"] == ["behind": 1, "disk": 1])
        }
    }

    @Test("what is not in the queue is 404, with how it ended as long as that is remembered")
    func gone() async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.get("/v1/operations/nobody/explain").expectProblem(404, says: "no operation nobody in the queue")
            for (id, result, ending) in [("sent", Settlement.Result.processed, "it was delivered"), ("dropped", nil, "it was cancelled")] {
                try await sidecar.accept(operation("a", id: id))
                if let result {
                    try await sidecar.settleHeads(result)
                } else {
                    #expect(try await sidecar.send(.DELETE, "/v1/operations/" + id).status == 200)
                }
                try await sidecar.get("/v1/operations/\(id)/explain").expectProblem(404, says: ending)
            }
        }
    }

    @Test("a store in trouble is a problem for explain too")
    func troubled() async throws {
        let store = TroubledStore()
        try await Sidecar.run(store: store) { sidecar in
            for (trouble, status) in [(StoreError.unavailable("busy"), 503), (.full(free: 10, needed: 20), 507)] {
                store.trouble = trouble
                for path in ["/v1/explain", "/v1/operations/x/explain"] {
                    try await sidecar.get(path).expectProblem(status, says: trouble.description)
                }
            }
        }
    }

    @Test("explain is asked with GET", arguments: ["/v1/explain", "/v1/operations/x/explain"])
    func wrongMethod(path: String) async throws {
        try await Sidecar.run { sidecar in
            for method in [HTTPMethod.POST, .DELETE] {
                let answer = try await sidecar.send(method, path)
                answer.expectProblem(405, says: method.rawValue)
                #expect(answer.headers["allow"] == ["GET, HEAD"])
            }
        }
    }
}
