import GuardianCore
import GuardianServer
import GuardianTesting
import Testing

@Suite struct ListTests {
    private static let trace = "0f8fad5b-d9cb-469f-a165-70867728950e"

    /// Nine operations, one a minute from 2026-01-01T00:00:00Z; three updates of rooms a and b have failed, the rest waits.
    private func withQueue(_ body: (Sidecar) async throws -> Void) async throws {
        try await Sidecar.run { sidecar in
            func put(_ type: String, _ entity: String, _ id: String, trace: String? = nil) async throws {
                let operation = NewOperation(type, entityType: entity, entityID: id, payload: "{}", traceID: trace)
                _ = try await sidecar.engine.enqueue(operation)
                sidecar.clock.advance(byMilliseconds: 60_000)
            }
            for id in ["a", "b", "c"] { try await put("update", "room", id) }
            try await sidecar.settleHeads(.failed(LastError(class: .permanent, code: "HTTP_403", httpStatus: 403, message: "no")))
            for id in ["a", "b"] { try await put("create", "room", id) }
            for id in ["a", "b", "c"] { try await put("update", "user", id) }
            try await put("delete", "user", "a", trace: Self.trace)
            try await body(sidecar)
        }
    }

    private func seqs(_ sidecar: Sidecar, _ query: String) async throws -> [Int64] {
        let answer = try await sidecar.get("/v1/operations" + query)
        #expect(answer.status == 200)
        return try #require(answer.json["operations"]?.elements).compactMap { $0["seq"]?.integer }
    }

    @Test("filters choose by status, type, entity, trace and time, and together")
    func filters() async throws {
        try await withQueue { sidecar in
            for (query, expected) in [
                ("", Array(1...9)), ("?status=failed", [1, 2, 3]), ("?status=pending", Array(4...9)), ("?status=processing", []),
                ("?operation_type=create", [4, 5]), ("?entity_type=user", [6, 7, 8, 9]), ("?entity_id=a", [1, 4, 6, 9]),
                ("?entity_id=nobody", []), ("?trace_id=\(Self.trace)", [9]), ("?since=2026-01-01T00:06:00Z", [7, 8, 9]),
                ("?until=2026-01-01T00:02:00.000Z", [1, 2]), ("?since=2026-01-01T00:01:00Z&until=2026-01-01T00:03:00Z", [2, 3]),
                ("?since=2026-01-01T01%3A06%3A00%2B01%3A00", [7, 8, 9]), ("?status=pending&entity_type=room&entity_id=b", [5]),
                ("?status=failed&operation_type=create", []),
            ] {
                let found = try await seqs(sidecar, query)
                #expect(found == expected.map(Int64.init), "\(query)")
            }
        }
    }

    @Test("pages follow each other by cursor to the end: nothing twice, nothing left out, filters kept", arguments: [1, 2, 3, 4, 9, 1000])
    func pages(limit: Int) async throws {
        try await withQueue { sidecar in
            for (filter, expected) in [("", Array(1...9)), ("&entity_type=user", [6, 7, 8, 9])] {
                var seen: [Int64] = []
                var cursor = ""
                while true {
                    let answer = try await sidecar.get("/v1/operations?limit=\(limit)\(filter)\(cursor)")
                    let page = try #require(answer.json["operations"]?.elements)
                    #expect(page.count <= limit)
                    seen += page.compactMap { $0["seq"]?.integer }
                    guard let next = answer.json["next_cursor"]?.string, !page.isEmpty else { break }
                    cursor = "&cursor=" + next
                }
                #expect(seen == expected.map(Int64.init))
            }
        }
    }

    @Test("a page of large payloads ends early, and the pages together have them all")
    func largePayloads() async throws {
        try await Sidecar.run { sidecar in
            let payload = "{\"x\":\"" + String(repeating: "x", count: 1_000_000) + "\"}"
            _ = try await sidecar.engine.enqueue(
                (0..<20).map { NewOperation("update", entityType: "room", entityID: "\($0)", payload: payload) })
            var seen: [Int64] = []
            var cursor = ""
            while true {
                let answer = try await sidecar.get("/v1/operations?limit=1000" + cursor)
                #expect(answer.body.utf8.count < 10 << 20)
                seen += try #require(answer.json["operations"]?.elements).compactMap { $0["seq"]?.integer }
                guard let next = answer.json["next_cursor"]?.string else { break }
                cursor = "&cursor=" + next
            }
            #expect(seen == Array(1...20))
        }
    }

    @Test("a page is 100 operations when nothing is said")
    func defaultLimit() async throws {
        try await Sidecar.run { sidecar in
            _ = try await sidecar.engine.enqueue((0..<101).map { NewOperation("delete", entityType: "room", entityID: "\($0)") })
            let first = try await sidecar.get("/v1/operations")
            #expect(first.json["operations"]?.elements?.count == 100)
            let cursor = try #require(first.json["next_cursor"]?.string)
            #expect(try await seqs(sidecar, "?cursor=\(cursor)") == [101])
        }
    }

    @Test(
        "a query that can't be answered names its parameter",
        arguments: [
            ("cursor", "!!"), ("cursor", "-1"), ("cursor", "zzzzzzzzzzzzzzzzzzzz"), ("cursor", ""), ("limit", "0"), ("limit", "1001"),
            ("limit", "-5"), ("limit", "ten"), ("limit", "1.5"), ("limit", ""), ("status", "done"), ("status", ""), ("status", "PENDING"),
            ("trace_id", "x"), ("since", "yesterday"), ("until", "2026-13-01T00:00:00Z"), ("until", ""),
        ])
    func badQuery(name: String, value: String) async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.get("/v1/operations?\(name)=\(value)").expectProblem(400, field: name, says: "must be")
        }
    }

    @Test(
        "a parameter that stands there twice is named: one of the two would be ignored",
        arguments: [
            ("status", "failed"), ("entity_id", "a"), ("since", "2026-01-01T00:00:00Z"), ("as_of", "2026-01-01T00:00:00Z"), ("limit", "5"),
            ("order", "asc"),
        ])
    func repeated(name: String, value: String) async throws {
        try await Sidecar.run { sidecar in
            #expect(try await sidecar.get("/v1/operations?\(name)=\(value)").status == 200)
            try await sidecar.get("/v1/operations?\(name)=\(value)&\(name)=\(value)").expectProblem(400, field: name, says: "once")
        }
    }

    @Test("a filter that does not exist is named, not ignored", arguments: ["state", "entityType", "entity"])
    func unknownFilter(name: String) async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.get("/v1/operations?\(name)=failed").expectProblem(400, field: name)
        }
    }
}
