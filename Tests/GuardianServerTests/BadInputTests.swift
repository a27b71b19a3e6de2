import AsyncHTTPClient
import GuardianCore
import GuardianServer
import NIOCore
import NIOHTTP1
import Testing

@Suite struct BadInputTests {
    private static let long = String(repeating: "x", count: 10_000)
    private static let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)

    /// A body, the field that the problem names, and a part of what it says.
    static let bodies: [(body: String, field: String, says: String)] = [
        ("", "body", "ends before"),
        ("  \n", "body", "ends before"),
        ("42", "operation", "must be a JSON object"),
        (#""text""#, "operation", "must be a JSON object"),
        ("null", "operation", "must be a JSON object"),
        ("hello", "body", "is not JSON"),
        (#"{"operation_type":"#, "body", "ends before"),
        (operation("a") + "x", "body", "text after"),
        (operation("a") + operation("b"), "body", "text after"),
        ("{\u{0}}", "body", "is not JSON"),
        (operation("a\u{0}b"), "body", "control character"),
        (operation("a", #","payload":{"x":"\ud800"}"#), "body", "half of a surrogate pair"),
        (operation(#"a\udc00"#), "body", "half of a surrogate pair"),
        (operation(#"a\u0000b"#), "entity_id", "control characters"),
        (operation("a\\n"), "entity_id", "control characters"),
        (operation("a", #","payload":{"x":\#(deep)}"#), "body", "nests deeper than 128"),
        (deep, "body", "nests deeper than 128"),
        (operation("a", id: long), "id", "1–128 printable ASCII"),
        (operation("a", id: "é"), "id", "printable ASCII"),
        (operation("a", id: "two words"), "id", "printable ASCII"),
        (operation("a", id: ""), "id", "1–128"),
        (operation(long), "entity_id", "1–256 bytes"),
        (operation(""), "entity_id", "1–256 bytes"),
        (operation("a", type: "Update"), "operation_type", "[a-z0-9_-]{1,64}"),
        (operation("a", type: ""), "operation_type", "must match"),
        (operation("a", type: String(repeating: "x", count: 65)), "operation_type", "{1,64}"),
        (operation("a", #","payload":{},"entity_tipe":"room""#), "entity_tipe", "did you mean entity_type?"),
        (operation("a", #","payload":{},"idempotencyKey":"x""#), "idempotencyKey", "did you mean idempotency_key?"),
        (operation("a", #","payload":{},"zzzzzzzzzzzz":1"#), "zzzzzzzzzzzz", "is not a field"),
        (operation("a", #","payload":{},"payload":{}"#), "payload", "given twice"),
        (operation("a", ""), "payload", "is required"),
        (operation("a", #","payload":null"#), "payload", "must be a JSON object"),
        (operation("a", #","payload":[1]"#), "payload", "must be a JSON object"),
        (operation("a", #","payload":"{}""#), "payload", "must be a JSON object"),
        (operation("a", #","payload":{},"base":7"#), "base", "must be a JSON object"),
        (operation("a", #","payload":{},"priority":"high""#), "priority", "must be an integer"),
        (operation("a", #","payload":{},"priority":1.5"#), "priority", "must be an integer"),
        (operation("a", #","payload":{},"priority":101"#), "priority", "between -100 and 100"),
        (operation("a", #","payload":{},"priority":99999999999999999999"#), "priority", "must be an integer"),
        (operation("a", #","payload":{},"schema_version":0"#), "schema_version", "1 or more"),
        (operation("a", #","payload":{},"not_before":"tomorrow""#), "not_before", "RFC 3339"),
        (operation("a", #","payload":{},"not_before":1767225600"#), "not_before", "must be a string"),
        (operation("a", #","payload":{},"expires_at":"2026-02-30T00:00:00Z""#), "expires_at", "RFC 3339"),
        (operation("a", #","payload":{},"expires_at":"9999-12-31T23:59:59-01:00""#), "expires_at", "RFC 3339"),
        (
            operation("a", #","payload":{},"not_before":"2026-01-02T00:00:00Z","expires_at":"2026-01-01T00:00:00Z""#), "expires_at",
            "after not_before"
        ),
        (operation("a", #","payload":{},"trace_id":"x""#), "trace_id", "UUID of version 4"),
        (operation("a", #","payload":{},"idempotency_key":7"#), "idempotency_key", "must be a string"),
        (operation("a", #","payload":{},"ordering_key":"\#(long)""#), "ordering_key", "1–256 bytes"),
        (operation("a", #","payload":{},"txn_token":"\#(long)""#), "txn_token", "1–128 bytes"),
        (#"{"entity_type":"room","entity_id":"a","payload":{}}"#, "operation_type", "is required"),
        (#"{"operation_type":"update","entity_id":"a","payload":{}}"#, "entity_type", "is required"),
        (#"{"operation_type":"update","entity_type":"room","payload":{}}"#, "entity_id", "is required"),
        (#"{"operation_type":7,"entity_type":"room","entity_id":"a","payload":{}}"#, "operation_type", "must be a string"),
        (#"{"operation_type":"update","entity_type":"a room","entity_id":"a","payload":{}}"#, "entity_type", "must match"),
    ]

    @Test("bad input is refused with the name of the field and what it must be, and nothing is stored", arguments: bodies)
    func refuses(body: String, field: String, says: String) async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.post(body)
            answer.expectProblem(400, field: field, says: says)
            #expect(try await sidecar.store.books().accepted == 0)
        }
    }

    @Test("bytes that are no UTF-8 are refused, in a body and in a line of NDJSON")
    func invalidUTF8() async throws {
        try await Sidecar.run { sidecar in
            let bytes = Array(operation("a").utf8).map { $0 == UInt8(ascii: "a") ? 0xFF : $0 }
            for (type, field) in [("application/json", "body"), ("application/x-ndjson", "line")] {
                let answer = try await sidecar.post(.bytes(ByteBuffer(bytes: bytes)), type: type)
                answer.expectProblem(400, field: field, says: "UTF-8")
            }
            #expect(try await sidecar.store.books().accepted == 0)
        }
    }

    @Test("an element that is wrong names its place in the array, and none of the array is stored")
    func badElement() async throws {
        let good = (0..<5).map { operation("e\($0)") }
        for (bad, field) in [
            (operation("a", #","payload":5"#), "payload"), (operation("a", ""), "payload"), (operation("a", id: ""), "id"),
            ("7", "operation"), (operation("a", #","payload":{},"prority":1"#), "prority"),
        ] {
            try await Sidecar.run { sidecar in
                let answer = try await sidecar.post("[" + (good[..<3] + [bad] + good[3...]).joined(separator: ",") + "]")
                answer.expectProblem(400, field: "operations[3].\(field)")
                #expect(try await sidecar.store.books().accepted == 0)
            }
        }
    }

    @Test("the only element of an array has a place too", arguments: [#","payload":5"#, ""])
    func onlyElement(more: String) async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.post("[\(operation("a", more))]").expectProblem(400, field: "operations[0].payload")
        }
    }

    @Test("NDJSON that is bad on a line keeps the lines before it and says which line it was, and how many are kept")
    func badLine() async throws {
        // Whole transactions of lines, and less than one.
        for kept in [0, 2, 1500] {
            for (bad, field) in [(operation("x", #","payload":5"#), "payload"), ("{", "operation"), (operation("", ""), "entity_id")] {
                try await Sidecar.run { sidecar in
                    let lines = (0..<kept).map { operation("e\($0)") } + ["", bad, operation("after")]
                    let answer = try await sidecar.post(lines.joined(separator: "\n"), type: "application/x-ndjson")
                    answer.expectProblem(400, field: field)
                    #expect(answer.json["errors"]?.elements?.first?["line"]?.integer == Int64(kept + 2))
                    #expect(answer.json["accepted"]?.integer == Int64(kept))
                    #expect(answer.json["detail"]?.string?.contains("line \(kept + 2)") == true)
                    #expect(try await sidecar.store.books().accepted == Int64(kept))
                }
            }
        }
    }

    @Test("a body over the limit is 413, whether it says its length or not")
    func tooLarge() async throws {
        try await Sidecar.run(.init(port: 0, bodyLimit: 4096)) { sidecar in
            let exact = operation("a", #","payload":{"x":""}"#)
            let fits = exact.replacing(#""""#, with: "\"" + String(repeating: "x", count: 4096 - exact.utf8.count) + "\"")
            try await sidecar.accept(fits)
            let over = ByteBuffer(string: fits + " ")
            try await sidecar.post(.bytes(over)).expectProblem(413, says: "4096 bytes")
            let pieces = AsyncStream<ByteBuffer> {
                $0.yield(over); $0.finish()
            }
            try await sidecar.post(.stream(pieces, length: .unknown)).expectProblem(413, says: "4096 bytes")
            #expect(try await sidecar.store.books().accepted == 1)
        }
    }

    @Test("NDJSON that grows over the limit keeps what came before, and says how much")
    func tooManyLines() async throws {
        try await Sidecar.run(.init(port: 0, bodyLimit: 4096)) { sidecar in
            let lines = (0..<100).map { ByteBuffer(string: operation("e\($0)") + "\n") }
            let pieces = AsyncStream<ByteBuffer> { stream in
                for line in lines { stream.yield(line) }
                stream.finish()
            }
            let answer = try await sidecar.post(.stream(pieces, length: .unknown), type: "application/x-ndjson")
            answer.expectProblem(413)
            let kept = try await sidecar.store.books().accepted
            #expect(kept < 100)
            #expect(answer.json["accepted"]?.integer == kept)
        }
    }

    @Test("a payload over 1 MiB is named, in a body that is within its limit", arguments: ["application/json", "application/x-ndjson"])
    func largePayload(type: String) async throws {
        try await Sidecar.run { sidecar in
            let body = operation("a", #","payload":{"x":"\#(String(repeating: "x", count: 1 << 20))"}"#)
            try await sidecar.post(body, type: type).expectProblem(400, field: "payload", says: "1048576")
            #expect(try await sidecar.store.books().accepted == 0)
        }
    }

    @Test(
        "an operation that is larger than any can be is refused before it is built",
        arguments: [("application/json", "body"), ("application/x-ndjson", "operation")])
    func hugeOperation(type: String, field: String) async throws {
        try await Sidecar.run { sidecar in
            let body = operation("a", #","payload":{"x":[\#(String(repeating: "1,", count: 1_500_000))1]}"#)
            try await sidecar.post(body, type: type).expectProblem(400, field: field, says: "has a value of more than")
            #expect(try await sidecar.store.books().accepted == 0)
        }
    }

    @Test("an array is read no further than its first wrong element")
    func firstWrong() async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.post("[\(operation("a")),{},\(operation("b")), and no JSON")
            answer.expectProblem(400, field: "operations[1].operation_type", says: "is required")
            #expect(try await sidecar.store.books().accepted == 0)
        }
    }

    @Test("a payload and a base as large as they may be are taken, also when every character is written as an escape")
    func escapedPayload() async throws {
        try await Sidecar.run { sidecar in
            let long = #"{"x":"\#(String(repeating: #"\u0434"#, count: 500_000))"}"#
            try await sidecar.accept(operation("a", #","payload":\#(long),"base":\#(long)"#))
        }
    }

    @Test(
        "what a browser's form can send is 415",
        arguments: ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"])
    func mediaType(type: String) async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.post(operation("a"), type: type)
            answer.expectProblem(415, says: "application/json")
            // That would say that the content coding is what is wrong.
            #expect(answer.headers["accept-encoding"].isEmpty)
            #expect(try await sidecar.store.books().accepted == 0)
        }
    }

    @Test("a body with a content coding is 415, and the answer says that it may have none")
    func contentCoding() async throws {
        try await Sidecar.run { sidecar in
            for coding in ["gzip", "br, identity"] {
                for type in ["application/json", "application/x-ndjson"] {
                    let answer = try await sidecar.post(operation("a"), type: type, fields: [("Content-Encoding", coding)])
                    answer.expectProblem(415, says: "Content-Encoding")
                    #expect(answer.headers["accept-encoding"] == ["identity"])
                }
            }
            #expect(try await sidecar.store.books().accepted == 0)
            #expect(try await sidecar.post(operation("a"), fields: [("Content-Encoding", "Identity")]).status == 202)
        }
    }
}
