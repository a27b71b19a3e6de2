import GuardianCore
import GuardianHTTP
import Testing

@Suite struct AnswerTests {
    /// The table of spec section 4, by what is expected.
    static let table: [(expected: String, statuses: [Int])] = [
        ("accepted", [200, 201, 202, 203, 206, 226]),
        ("permanent", [400, 402, 403, 404, 405, 406, 410, 413, 414, 415, 418, 421, 422, 423, 428, 431, 451, 499, 501, 505]),
        ("permanent", [300, 301, 302, 303, 304, 305, 307, 308]),
        ("upgrade", [426]),
        ("auth", [401]),
        ("transient", [408, 425, 429, 500, 502, 503, 504, 506, 507, 508, 510, 520, 530, 599, 600, 999]),
        ("conflict", [409, 412]),
        ("foreign", [511]),
    ]

    static let rows = table.flatMap { row in row.statuses.map { ($0, row.expected) } }

    @Test("every row of the answer table holds over the wire", arguments: rows)
    func row(status: Int, expected: String) async throws {
        let body = expected == "accepted" ? #"{"meta":{},"data":{}}"# : #"{"meta":{},"error":{"code":"TOLD","message":"so"}}"#
        let outcome = try await outcome(of: .answer(status, body))
        #expect(outcome.word == expected)
        guard let answer = outcome.answer else { return }
        #expect(answer.status == status)
        // A 304 has no body.
        let isTold = status >= 300 && status != 304
        #expect(answer.code == (isTold ? "TOLD" : nil))
        #expect(answer.message == (isTold ? "so" : nil))
    }

    @Test("gone is what a delete asked for, and nobody else", arguments: [404, 410])
    func gone(status: Int) async throws {
        #expect(try await outcome(of: .answer(status), claimed("delete", payload: nil)).word == "accepted")
        for type in ["create", "update"] { #expect(try await outcome(of: .answer(status), claimed(type)).word == "permanent") }
    }

    @Test("a key that is still in progress is asked again; any other 409 is a conflict")
    func inProgress() async throws {
        for (code, expected) in [("IDEMPOTENCY_IN_PROGRESS", "transient"), ("VERSION_CONFLICT", "conflict")] {
            let body = #"{"meta":{},"error":{"code":"\#(code)","message":""}}"#
            #expect(try await outcome(of: .answer(409, body)).word == expected)
        }
    }

    @Test("a route overrides rows of the table, to success too")
    func overrides() async throws {
        let route = Route(operation: "*", entity: "*", method: "PUT", path: "/x", overrides: [409: nil, 404: .transient])
        for (status, expected) in [(409, "accepted"), (404, "transient"), (412, "conflict")] {
            #expect(try await outcome(of: .answer(status)) { $0.routes = [route] }.word == expected)
        }
    }

    @Test("a row that a route overrides says so, unless it is to be asked again; the header is still told")
    func overriddenWait() async throws {
        let route = Route(
            operation: "*", entity: "*", method: "PUT", path: "/x", overrides: [429: .permanent, 503: .conflict, 404: .transient])
        for (status, isOverridden) in [(429, true), (503, true), (404, false), (500, false)] {
            let outcome = try await outcome(of: .answer(status, "", fields: "Retry-After: 7")) { $0.routes = [route] }
            let answer = try #require(outcome.answer)
            #expect(answer.isOverridden == isOverridden && answer.retryAfterMs == 7000, "\(status)")
        }
    }

    @Test("an answer before the answer (1xx) is not taken for it")
    func informational() async throws {
        let early = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
        let outcome = try await outcome(of: .says(early + "HTTP/1.1 422 Told\r\nContent-Length: 0\r\n\r\n"))
        #expect(outcome.word == "permanent")
        #expect(outcome.answer?.status == 422)
    }

    /// Bodies of a 2xx under the standard envelope: content type, body, what they mean.
    static let bodies: [(type: String, body: String, expected: String)] = [
        ("application/json", #"{"meta":{},"data":{}}"#, "accepted"),
        ("application/problem+json", #" {"meta":{},"data":{"n":[1,2]}} "#, "accepted"),
        ("application/json", "", "accepted"),
        ("application/json", #"{"meta":{},"data":"#, "transient"),
        ("application/json", #"{"meta":{}} trailing"#, "transient"),
        ("application/json", "[1,2]", "transient"),
        ("application/json", "true", "transient"),
        ("text/plain", "OK", "transient"),
        ("text/html; charset=utf-8", "<!doctype html><p>log in</p>", "foreign"),
        ("TEXT/HTML", "log in", "foreign"),
        ("application/xhtml+xml", "<html/>", "foreign"),
        ("application/json", "\n  <html>log in</html>", "foreign"),
        ("text/plain", "<p>moved", "foreign"),
    ]

    @Test("a 2xx counts only with a body that is our server's", arguments: bodies)
    func body(type: String, body: String, expected: String) async throws {
        let outcome = try await outcome(of: .answer(200, body, fields: "Content-Type: \(type)"))
        #expect(outcome.word == expected)
        if expected == "transient" { #expect(outcome.answer?.code == "UNPARSABLE_BODY") }
    }

    /// The same without an envelope.
    static let bareBodies: [(type: String, body: String, expected: String)] = [
        ("application/json", "[1,2]", "accepted"),
        ("application/json", #""done""#, "accepted"),
        ("application/json", "null", "accepted"),
        ("application/json", "42", "accepted"),
        ("application/json", #"{"id":7}"#, "accepted"),
        ("text/plain", "OK", "accepted"),
        ("application/json", #"{"id":"#, "transient"),
        ("application/json", "1 2", "transient"),
        ("text/html", "<p>log in", "foreign"),
    ]

    @Test("without an envelope any JSON counts, and JSON that breaks off still does not", arguments: bareBodies)
    func bareBody(type: String, body: String, expected: String) async throws {
        let reply = WireServer.Reply.answer(200, body, fields: "Content-Type: \(type)")
        #expect(try await outcome(of: reply) { $0.envelope = .none }.word == expected)
    }

    @Test("a 2xx that says it is an error settles nothing: it is sent again under its key, as after a 5xx")
    func errorInSuccess() async throws {
        let busy = try await outcome(of: .answer(200, #"{"meta":{},"error":{"code":"BUSY","message":"later"}}"#))
        #expect(busy == .refused(.transient, Answer(status: 200, code: "BUSY", message: "later")))
        for body in [#"{"meta":{},"data":{"n":1},"error":null}"#, #"{"meta":{},"error":null}"#, #"{"meta":{},"data":{},"error":{}}"#] {
            #expect(try await outcome(of: .answer(200, body)).word == "accepted", "\(body)")
        }
    }

    @Test("our trace id comes back in either case, in the header and in the envelope; another one is a stranger's")
    func traceEcho() async throws {
        let claim = try claimed()
        let own = claim.operation.traceID.description
        for (header, inside, expected) in [
            (own, own, "accepted"), (own.uppercased(), own.uppercased(), "accepted"), (String(own.dropLast()), own, "foreign"),
            (own, String(own.dropLast()), "foreign"),
        ] {
            let reply = WireServer.Reply.answer(
                200, #"{"meta":{"trace_id":"\#(inside)"},"data":{}}"#, fields: "Trace-Id: \(header)")
            let outcome = try await outcome(of: reply, claim) { $0.requiresTraceEcho = true }
            #expect(outcome.word == expected, "\(header) \(inside)")
        }
    }

    @Test("204 needs no body")
    func noContent() async throws {
        #expect(try await outcome(of: .says("HTTP/1.1 204 No Content\r\n\r\n")).word == "accepted")
    }

    @Test("a redirect to another origin is a portal's", arguments: [301, 302, 303])
    func portal(status: Int) async throws {
        for target in ["https://login.example/", "//login.example/", "http://127.0.0.1:1/"] {
            #expect(try await outcome(of: .answer(status, fields: "Location: \(target)")).word == "foreign", "\(target)")
        }
    }

    @Test("a chunked answer is read to its end")
    func chunked() async throws {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"v7\"\r\n\r\n"
        let outcome = try await outcome(of: .says(head + "5\r\n{\"met\r\n10\r\na\":{},\"data\":{}}\r\n0\r\n\r\n"))
        #expect(outcome == .accepted(Answer(status: 200, etag: "\"v7\"")))
    }

    @Test("a 2xx larger than the limit may have had its effect: it is asked again, and the limit itself is allowed")
    func tooLarge() async throws {
        let body = #"{"meta":{},"data":"\#(String(repeating: "x", count: 2000))"}"#
        for (limit, expected) in [(body.utf8.count, "accepted"), (body.utf8.count - 1, "transient")] {
            let outcome = try await outcome(of: .answer(200, body)) { $0.responseBodyLimit = limit }
            #expect(outcome.word == expected)
            if expected == "transient" { #expect(outcome.answer?.code == "ANSWER_TOO_LARGE") }
        }
    }

    @Test("what an error means does not depend on how much it says", arguments: [(401, "auth"), (403, "permanent"), (409, "conflict")])
    func longError(status: Int, expected: String) async throws {
        let outcome = try await outcome(of: .answer(status, String(repeating: "x", count: 4000))) { $0.responseBodyLimit = 1000 }
        #expect(outcome.word == expected)
    }

    @Test("what an error says is cut at 1000 characters, and its code at 64")
    func longMessage() async throws {
        let long = String(repeating: "é", count: 5000)
        for body in [long, #"{"error":{"code":"\#(long)","message":"\#(long)"}}"#] {
            let answer = try #require(try await outcome(of: .answer(422, body)).answer)
            #expect(answer.message?.count == LastError.maximumMessageLength)
            #expect((answer.code ?? "").count <= 64)
        }
    }
}
