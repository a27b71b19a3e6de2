import GuardianCore
import GuardianServer
import GuardianTesting
import NIOHTTP1
import Testing

@Suite struct RepeatTests {
    private static let failure = LastError(class: .permanent, code: "HTTP_403", httpStatus: 403, message: "no")

    private func retry(_ id: String, _ key: String, _ sidecar: Sidecar) async throws -> Sidecar.Answer {
        try await sidecar.send(.POST, "/v1/operations/\(id)/retry", fields: [("Idempotency-Key", key)])
    }

    @Test("a retry that is sent again under its key brings the first answer and puts nothing back, whatever has become of it")
    func repeatedRetry() async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept(operation("a", id: "a"))
            try await sidecar.settleHeads(.failed(Self.failure))
            let first = try await retry("a", "k-1", sidecar)
            #expect(first.status == 200)
            let again = try await retry("a", "k-1", sidecar)
            #expect(again.status == 200 && again.body == first.body)
            try await sidecar.settleHeads(.failed(Self.failure))
            let late = try await retry("a", "k-1", sidecar)
            #expect(late.status == 200 && late.body == first.body)
            #expect(try await sidecar.stored.map(\.status) == [.failed])
            let other = try await retry("a", "k-2", sidecar)
            #expect(other.status == 200)
            #expect(try await sidecar.stored.map(\.status) == [.pending])
        }
    }

    @Test("a key stands for one request, and a retry that was refused is tried anew under it")
    func otherRequest() async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept(operation("a", id: "a"))
            try await sidecar.accept(operation("b", id: "b"))
            try await retry("a", "k", sidecar).expectProblem(409, says: "not among the failed")
            try await sidecar.settleHeads(.failed(Self.failure))
            try await retry("b", "k", sidecar).expectProblem(422, says: "another request")
            #expect(try await retry("a", "k", sidecar).status == 200)
            try await sidecar.post(operation("c"), fields: [("Idempotency-Key", "k")]).expectProblem(422, says: "another request")
            try await retry("b", "no key", sidecar).expectProblem(400, field: "Idempotency-Key", says: "must be")
            #expect(try await sidecar.stored.map(\.status) == [.pending, .failed])
        }
    }

    @Test("a cancel under an ETag takes nothing that was put back after the ETag was looked at")
    func racedCancel() async throws {
        let store = TroubledStore()
        try await Sidecar.run(store: store) { sidecar in
            try await sidecar.accept(operation("a", id: "a"))
            try await sidecar.settleHeads(.failed(Self.failure))
            let tag = try #require(try await sidecar.get("/v1/operations/a").headers["etag"].first)
            let now = sidecar.clock.now.wall
            store.beforeCancel = { (memory: MemoryStore) async throws(StoreError) in _ = try await memory.retry([.text("a")], now: now) }
            try await sidecar.send(.DELETE, "/v1/operations/a", fields: [("If-Match", tag)]).expectProblem(412)
            #expect(try await sidecar.stored.map(\.status) == [.pending])
            store.beforeCancel = nil
            let new = try #require(try await sidecar.get("/v1/operations/a").headers["etag"].first)
            #expect(try await sidecar.send(.DELETE, "/v1/operations/a", fields: [("If-Match", new)]).status == 200)
        }
    }

    @Test("what asks the store says in the document what a full disk is answered, and a full disk is answered so")
    func fullDisk() async throws {
        try await Sidecar.run { sidecar in
            let paths = try #require(try await sidecar.get("/openapi.json").json["paths"]?.members)
            sidecar.server.refuse(.full(free: 1, needed: 2))
            var count = 0
            for path in paths {
                for method in path.value.members ?? [] where method.value["responses"]?["503"] != nil {
                    count += 1
                    #expect(method.value["responses"]?["507"] != nil, "\(method.name) \(path.name)")
                    let name = HTTPMethod(rawValue: method.name.uppercased())
                    let answer = try await sidecar.send(name, path.name.replacing("{id}", with: "a"))
                    #expect(answer.status == 507, "\(method.name) \(path.name)")
                }
            }
            #expect(count > 10)
        }
    }

    @Test("a text as long as the document names is looked for, whatever it consists of; one of more bytes than it names is refused")
    func longestText() async throws {
        try await Sidecar.run { sidecar in
            let list = try await sidecar.get("/openapi.json").json["paths"]?["/v1/operations"]?["get"]
            let text = try #require(list?["parameters"]?.elements?.first { $0["name"]?.string == "q" })
            let longest = Int(try #require(text["schema"]?["maxLength"]?.integer))
            let bytes = try #require(text["description"]?.string?.firstMatch(of: /(\d+) bytes/)).1
            let smiles = String(repeating: "%F0%9F%99%82", count: longest)
            #expect(try await sidecar.get("/v1/operations?q=" + smiles).status == 200)
            let most = Int(bytes) ?? 0
            #expect(try await sidecar.get("/v1/operations?q=" + String(repeating: "x", count: most)).status == 200)
            let tooLong = try await sidecar.get("/v1/operations?q=" + String(repeating: "x", count: most + 1))
            tooLong.expectProblem(400, field: "q", says: "\(most) bytes")
        }
    }
}
