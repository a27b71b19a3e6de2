import AsyncHTTPClient
import GuardianCore
import GuardianServer
import GuardianTesting
import NIOCore
import NIOHTTP1
import Testing

@Suite struct EnqueueTests {
    private let ndjson = "application/x-ndjson"

    @Test("one object gets one receipt, with these names and no others")
    func one() async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.post(operation("a", id: "op-1"))
            #expect(answer.status == 202)
            #expect(answer.headers["content-type"] == ["application/json; charset=utf-8"])
            #expect(answer.json == ["id": "op-1", "seq": 1, "status": "pending", "outcome": "accepted"])
            #expect(try await sidecar.stored.map(\.id.description) == ["op-1"])
        }
    }

    @Test("an array gets its receipts in the same order, and so does NDJSON")
    func many() async throws {
        try await Sidecar.run { sidecar in
            let ids = (0..<50).map { "op-\($0)" }
            let array = try await sidecar.post("[" + ids.map { operation("a", id: $0) }.joined(separator: ",") + "]")
            let lines = try await sidecar.post(ids.map { operation("a", id: "line-" + $0) }.joined(separator: "\n"), type: ndjson)
            for (answer, prefix, first) in [(array, "", 1), (lines, "line-", 51)] {
                #expect(answer.status == 202)
                #expect(answer.json.members?.map(\.name) == ["receipts"])
                let receipts = try #require(answer.json["receipts"]?.elements)
                #expect(receipts.compactMap { $0["id"]?.string } == ids.map { prefix + $0 })
                #expect(receipts.compactMap { $0["seq"]?.integer } == (first..<first + 50).map(Int64.init))
            }
            #expect(try await sidecar.stored.count == 100)
        }
    }

    @Test(
        "no operations at all are no error",
        arguments: [("[]", "application/json"), ("", "application/x-ndjson"), ("\n \r\n", "application/x-ndjson")])
    func none(body: String, type: String) async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.post(body, type: type)
            #expect(answer.status == 202)
            #expect(answer.json == ["receipts": []])
        }
    }

    @Test("an id that came before gets its first receipt, in the same body, in a later one, and after it was processed")
    func duplicates() async throws {
        try await Sidecar.run { sidecar in
            let twice = try await sidecar.post("[\(operation("a", id: "x")),\(operation("b", id: "x"))]")
            let receipts = try #require(twice.json["receipts"]?.elements)
            #expect(receipts.map { $0["outcome"]?.string } == ["accepted", "duplicate"])
            let again: JSONValue = ["id": "x", "seq": 1, "status": "pending", "outcome": "duplicate"]
            #expect(receipts[1] == again)
            #expect(try await sidecar.post(operation("c", id: "x")).json == again)
            #expect(try await sidecar.stored.map(\.entity.id) == ["a"])
            try await sidecar.settleHeads(.processed)
            #expect(try await sidecar.post(operation("c", id: "x"), type: ndjson).json["receipts"]?.elements == [again])
            #expect(try await sidecar.stored.isEmpty)
        }
    }

    @Test("there is no 202 before the store has it")
    func afterTheCommit() async throws {
        let store = TroubledStore()
        try await Sidecar.run(store: store) { sidecar in
            store.holdWrites()
            var request = try sidecar.request(.POST, "/v1/operations", fields: [("Content-Type", "application/json")])
            request.body = .bytes(ByteBuffer(string: operation("a", id: "x")))
            await #expect(throws: HTTPClientError.deadlineExceeded) { _ = try await sidecar.send(request, within: .milliseconds(200)) }
            store.releaseWrites()
            try await sidecar.accept(operation("b", id: "y"))
        }
    }

    @Test("a store that can't write is a problem, never a 202", arguments: ["application/json", "application/x-ndjson"])
    func troubled(type: String) async throws {
        let store = TroubledStore()
        try await Sidecar.run(store: store) { sidecar in
            for (trouble, status) in [
                (StoreError.full(free: 1000, needed: 2000), 507), (.unavailable("busy"), 503), (.readOnly("no"), 503),
                (.corrupt("torn"), 503),
            ] {
                store.trouble = trouble
                try await sidecar.post(operation("a"), type: type).expectProblem(status)
                store.trouble = nil
            }
            #expect(try await sidecar.stored.isEmpty)
        }
    }

    @Test(
        "JSON may be announced with parameters, in any case, or not at all",
        arguments: ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8", ""])
    func contentTypes(type: String) async throws {
        try await Sidecar.run { sidecar in
            var request = try sidecar.request(.POST, "/v1/operations", fields: type.isEmpty ? [] : [("Content-Type", type)])
            request.body = .bytes(ByteBuffer(string: operation("a")))
            #expect(try await sidecar.send(request).status == 202)
        }
    }

    @Test("NDJSON may begin with a byte order mark")
    func byteOrderMark() async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.post("\u{FEFF}" + operation("a", id: "1") + "\n" + operation("b", id: "2"), type: ndjson)
            #expect(answer.status == 202)
            #expect(try await sidecar.stored.map(\.id.description) == ["1", "2"])
        }
    }

    @Test("NDJSON may have blank lines, CRLF, and no end of line at the end")
    func lineEnds() async throws {
        try await Sidecar.run { sidecar in
            let body = "\n" + operation("a", id: "1") + "\r\n\r\n  \n" + operation("b", id: "2")
            let answer = try await sidecar.post(body, type: ndjson)
            #expect(answer.json["receipts"]?.elements?.compactMap { $0["id"]?.string } == ["1", "2"])
        }
    }

    @Test("NDJSON is the same however the network cuts it, inside a character too")
    func cuts() async throws {
        try await Sidecar.run { sidecar in
            let body = Array((0..<3).map { operation("é漢🙂\($0)", #","payload":{"text":"é漢🙂"}"#) }.joined(separator: "\n").utf8)
            let parts = body.map { ByteBuffer(bytes: [$0]) }
            let answer = try await sidecar.post(.stream(parts.async, length: .unknown), type: ndjson)
            #expect(answer.status == 202, "\(answer.body)")
            #expect(try await sidecar.stored.map(\.entity.id) == (0..<3).map { "é漢🙂\($0)" })
            #expect(try await sidecar.stored.allSatisfy { $0.payload == #"{"text":"é漢🙂"}"# })
        }
    }

    @Test("thousands of lines in one body get a receipt each")
    func thousands() async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.post((0..<2500).map { operation("e\($0)") }.joined(separator: "\n"), type: ndjson)
            #expect(answer.json["receipts"]?.elements?.compactMap { $0["seq"]?.integer } == (1...2500).map(Int64.init))
        }
    }

    @Test("a payload of 1 MiB is taken, with its numbers as they were written")
    func largePayload() async throws {
        try await Sidecar.run { sidecar in
            let frame = #"{"n":9007199254740993,"x":""}"#
            let payload = frame.replacing(#""""#, with: "\"" + String(repeating: "x", count: (1 << 20) - frame.utf8.count) + "\"")
            let answer = try await sidecar.post(operation("a", #","payload":\#(payload)"#))
            #expect(answer.status == 202)
            #expect(try await sidecar.stored.first?.payload == payload)
        }
    }

    @Test("posts at the same time get consecutive numbers, one each")
    func parallel() async throws {
        try await Sidecar.run { sidecar in
            let seqs = try await withThrowingTaskGroup(of: Int64?.self) { group in
                for number in 0..<300 {
                    group.addTask { try await sidecar.post(operation("e\(number)")).json["seq"]?.integer }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(seqs == Set((1...300).map(Int64.init)))
        }
    }
}

extension Array where Element: Sendable {
    /// The elements, one after the other.
    fileprivate var async: AsyncStream<Element> {
        AsyncStream { continuation in
            for element in self { continuation.yield(element) }
            continuation.finish()
        }
    }
}
