import GuardianCore
import GuardianHTTP
import Testing

/// What an answer tells beside its status and its code, in whatever shape it says it (``ErrorDetails``).
@Suite struct ErrorDetailsTests {
    typealias Field = ErrorDetails.Field

    private func details(
        _ status: Int, _ body: String = "", _ field: String? = nil, _ other: String? = nil, claim: Claim? = nil,
        configure: (inout HTTPTransportConfiguration) -> Void = { _ in }
    ) async throws -> ErrorDetails? {
        let head = ["HTTP/1.1 \(status) Told", "Content-Length: \(body.utf8.count)"] + [field, other].compactMap(\.self)
        let reply = WireServer.Reply.says(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
        return try #require(try await outcome(of: reply, claim, configure: configure).answer).details
    }

    /// A whole body, and the fields that it names.
    static let shapes: [(body: String, fields: [Field])] = [
        (#"{"error":{"code":"X","details":{"field":"name","constraint":"at most 40"}}}"#, [Field("name", "at most 40")]),
        (#"{"error":{"code":"X","details":{"errors":[{"field":"name","message":"too long"}]}}}"#, [Field("name", "too long")]),
        (#"{"error":{"code":"X","details":[{"field":"a","message":"no"},{"field":"b"}]}}"#, [Field("a", "no"), Field("b")]),
        (
            #"{"error":{"code":"X","details":{"fields":{"name":"too long","floor":["no","no"]}}}}"#,
            [Field("name", "too long"), Field("floor", "no")]
        ),
        (#"{"error":{"code":"X","field":"name","message":"too long"}}"#, [Field("name", "too long")]),
        (#"{"error":{"errors":[{"field":"payload.beds.0.name","message":"no"}]}}"#, [Field("beds.0.name", "no")]),
        // RFC 9457 and RFC 7807.
        (
            ##"{"type":"about:blank","title":"Wrong","status":422,"errors":[{"detail":"positive","pointer":"#/payload/beds/0/a~1b"}]}"##,
            [Field("beds.0.a/b", "positive")]
        ),
        (#"{"title":"Wrong","invalid-params":[{"name":"age","reason":"positive"}]}"#, [Field("age", "positive")]),
        (#"{"title":"Wrong","errors":{"Name":["The Name field is required."]}}"#, [Field("Name", "The Name field is required.")]),
        // JSON:API, FastAPI, Spring, Google.
        (#"{"errors":[{"source":{"pointer":"/data/age"},"title":"Wrong","detail":"positive"}]}"#, [Field("data.age", "positive")]),
        (#"{"detail":[{"loc":["body","beds",0],"msg":"required","type":"missing"}]}"#, [Field("beds.0", "required")]),
        (#"{"status":400,"path":"/rooms","errors":[{"field":"name","defaultMessage":"is blank"}]}"#, [Field("name", "is blank")]),
        (
            #"{"error":{"code":400,"details":[{"@type":"t","fieldViolations":[{"field":"a.b","description":"no"}]}]}}"#,
            [Field("a.b", "no")]
        ),
    ]

    @Test("the fields that are wrong are read, in whatever shape they are named", arguments: shapes)
    func fields(body: String, fields: [Field]) async throws {
        for status in [400, 422] { #expect(try await details(status, body)?.fields == fields, "\(status)") }
        #expect(try await details(403, body) == nil)
    }

    @Test(
        "what says nothing of a field, or says it in another type, is no field",
        arguments: [
            "", "no", "[]", "null", #"{"error":"no"}"#, #"{"error":null}"#, #"{"error":{"code":"X","message":"no","details":{}}}"#,
            #"{"error":{"details":{"field":7,"constraint":"x"}}}"#, #"{"error":{"details":{"field":"","constraint":"x"}}}"#,
            #"{"error":{"details":{"errors":[null,1,"name",[],{},{"field":{}},{"field":["",""]},{"message":"no"}]}}}"#,
            #"{"error":{"details":{"errors":{"name":7,"floor":{},"x":[7]}}}}"#, #"{"status":400,"error":"Bad Request","path":"/rooms"}"#,
            #"{"detail":"a sentence","version":"v1"}"#,
        ])
    func noFields(body: String) async throws {
        #expect(try await details(422, body) == nil)
    }

    @Test("names come back as the app writes them, where the route maps them")
    func names() async throws {
        let claim = try claimed(payload: #"{"deviceID":"d","bedList":[{"bedName":"a"}]}"#)
        let route = Route(operation: "*", entity: "*", method: "PUT", path: "/x", keyMapping: .snakeCase)
        for (told, own) in [("device_id", "deviceID"), ("bed_list.0.bed_name", "bedList.0.bedName"), ("#/room_name", "roomName")] {
            let body = #"{"error":{"details":{"field":"\#(told)"}}}"#
            #expect(try await details(422, body, claim: claim) { $0.routes = [route] }?.fields == [Field(own)], "\(told)")
        }
        let whole = ##"{"errors":[{"pointer":"#/payload/n"}]}"##
        #expect(try await details(422, whole)?.fields == [Field("n")])
        #expect(try await details(422, whole) { $0.envelope = .none }?.fields == [Field("payload.n")])
    }

    @Test("lists end, texts are cut, and what is personal does not come along")
    func bounds() async throws {
        let long = String(repeating: "x", count: 5000)
        let element = #"{"field":"\#(long)","message":"not anna@example.com \#(long)"}"#
        let list = Array(repeating: element, count: 60).joined(separator: ",")
        let found = try #require(try await details(422, #"{"errors":[\#(list)]}"#))
        #expect(found.fields.count == ErrorDetails.mostFields)
        for field in found.fields {
            #expect(field.name.count == ErrorDetails.longestName)
            #expect(field.constraint?.count == ErrorDetails.longestConstraint)
            #expect(field.constraint?.hasPrefix("not [REDACTED_EMAIL] x") == true)
        }
        // Beyond what is looked at, nothing is found.
        let empty = Array(repeating: "{}", count: 100).joined(separator: ",")
        #expect(try await details(422, #"{"errors":[\#(empty),{"field":"name"}]}"#) == nil)
        for word in [long, "1 2", "1\\n2", "anna@example.com", ""] {
            #expect(try await details(426, #"{"error":{"details":{"minimum_version":"\#(word)"}}}"#) == nil, "\(word.prefix(20))")
            let found = try await details(409, #"{"error":{"details":{"server_version":"\#(word)"}}}"#)
            #expect(found?.serverVersion == (word == "1 2" ? word : nil))
        }
    }

    @Test(
        "the oldest version that is taken comes from the body or a header field",
        arguments: [
            (#"{"error":{"code":"X","details":{"minimum_version":"2.4.0"}}}"#, nil, "2.4.0"),
            (#"{"error":{"code":"X","details":{"minVersion":"2.4.0-beta+7"}}}"#, nil, "2.4.0-beta+7"),
            (#"{"error":{"code":"X","details":{"minimum":42}}}"#, nil, "42"),
            (#"{"title":"Upgrade","min_app_version":"2.4"}"#, nil, "2.4"),
            (#"{"error":{"code":"X","details":{"version":"1.0","minimum_version":"2.4"}}}"#, "X-Min-App-Version: 9", "2.4"),
            ("", "X-Min-App-Version: 2.4", "2.4"), ("", "X-Minimum-Version: 2.4", "2.4"),
            ("", "Upgrade: HTTP/2.0, health-app/2.4", "2.4"), ("", "Upgrade: HTTP/2.0, TLS/1.3, h2c, websocket", nil),
            ("", "Upgrade: health-app", nil), ("", "X-Min-App-Version: soon", nil),
            (#"{"error":{"details":{"minimum_version":true}}}"#, nil, nil), (#"{"minimum":"2.4","version":"v1"}"#, nil, nil),
        ] as [(String, String?, String?)])
    func minimum(body: String, field: String?, version: String?) async throws {
        #expect(try await details(426, body, field)?.minimumVersion == version)
    }

    @Test(
        "a limit is read in each form that is about",
        arguments: [
            ("RateLimit-Limit: 100", "RateLimit-Reset: 30", 100, 30), ("RateLimit-Limit: 100, 100;w=60", "RateLimit-Reset: 30", 100, 30),
            ("RateLimit: limit=100, remaining=0, reset=30", nil, 100, 30),
            (#"RateLimit: "default";r=0;t=30"#, #"RateLimit-Policy: "default";q=100;w=60"#, 100, 30),
            (#"RateLimit: "hour";r=5;t=900, "day";r=0;t=30"#, #"RateLimit-Policy: "hour";q=7;w=3600, "day";q=100;w=86400"#, 100, 30),
            (#"RateLimit: "a,b;c";r=0;t=30"#, #"RateLimit-Policy: "a,b;c";q=100"#, 100, 30),
            ("X-RateLimit-Limit: 100", "X-RateLimit-Reset: 30", 100, 30), ("X-Rate-Limit-Limit: 100", nil, 100, nil),
            ("x-ratelimit-reset: 0", nil, nil, 0), ("RateLimit-Limit: many", "RateLimit-Reset: soon", nil, nil),
            ("RateLimit-Limit: -1", "RateLimit-Reset: -1", nil, nil), ("RateLimit-Limit: 1e3", "RateLimit-Reset: 1.5", nil, nil),
            ("RateLimit: ;;,=,limit=,\"", "RateLimit-Policy: \"\";q=x", nil, nil),
            ("X-RateLimit-Limit: 99999999999999999999", "X-RateLimit-Reset: 99999999999999999999", nil, nil),
            ("X-RateLimit-Reset: 999999999", nil, nil, nil), ("X-RateLimit-Reset: 1000000000", nil, nil, nil),
        ] as [(String, String?, Int64?, Int64?)])
    func limits(field: String, other: String?, limit: Int64?, seconds: Int64?) async throws {
        let before = SystemClock().now.wall
        let found = try await details(429, "", field, other)
        #expect(found?.limit == limit)
        guard let seconds else {
            #expect(found?.resetAt == nil)
            return
        }
        let resetAt = try #require(found?.resetAt)
        #expect(resetAt >= before.adding(milliseconds: seconds * 1000))
        #expect(resetAt <= SystemClock().now.wall.adding(milliseconds: seconds * 1000))
    }

    @Test("a reset may be a time of day, in seconds or milliseconds, or stand in the body")
    func resetTimes() async throws {
        let due = Timestamp(milliseconds: (SystemClock().now.wall.milliseconds / 1000 + 600) * 1000)
        let seconds = due.milliseconds / 1000
        for field in ["X-RateLimit-Reset: \(seconds)", "X-RateLimit-Reset: \(seconds)000", "RateLimit-Reset: \(seconds)"] {
            #expect(try await details(429, "", field)?.resetAt == due, "\(field)")
        }
        for said in ["\"reset_at\":\"\(due.rfc3339)\"", "\"resetAt\":\(seconds)", "\"reset\":\(seconds)"] {
            let found = try await details(429, #"{"error":{"code":"X","details":{"limit":100,\#(said)}}}"#)
            #expect(found == ErrorDetails(limit: 100, resetAt: due), "\(said)")
        }
        // Over, or years away.
        for field in ["X-RateLimit-Reset: \(seconds - 86_400)", "X-RateLimit-Reset: \(seconds + 500 * 86_400)"] {
            #expect(try await details(429, "", field) == nil, "\(field)")
        }
        #expect(try await details(503, "", "RateLimit-Limit: 100") == nil)
    }

    @Test(
        "a conflict names both versions and what stood against it",
        arguments: [
            (#"{"error":{"code":"X","details":{"server_version":7,"client_version":3}}}"#, nil, "7", "3"),
            (#"{"error":{"code":"X","details":{"reason":"already_exists","currentVersion":"7"}}}"#, .exists, "7", nil),
            (#"{"error":{"code":"X","details":{"kind":"changed","server":{"version":7},"client":{"version":3}}}}"#, .changed, "7", "3"),
            (#"{"error":{"code":"X","details":{"kind":7,"version":7,"expected_version":3}}}"#, nil, "7", "3"),
            (#"{"title":"Conflict","current_version":7,"version":"v1"}"#, nil, "7", nil), (#"{"version":"v1"}"#, nil, nil, nil),
            (#"{"error":{"details":{"server_version":{},"client_version":[1]}}}"#, nil, nil, nil), ("gone", nil, nil, nil),
        ] as [(String, DeliveryError.ConflictKind?, String?, String?)])
    func conflict(body: String, kind: DeliveryError.ConflictKind?, server: String?, client: String?) async throws {
        let found = try await details(409, body)
        #expect(found?.conflict == kind && found?.serverVersion == server && found?.clientVersion == client)
    }

    @Test("a failed precondition brings the ETag of what is there")
    func etags() async throws {
        #expect(try await details(412, "", "ETag: \"v7\"")?.foundETag == "\"v7\"")
        #expect(try await details(412, #"{"error":{"details":{"etag":"\"v7\""}}}"#)?.foundETag == "\"v7\"")
        #expect(try await details(412, #"{"error":{"details":{"etag":7}}}"#)?.foundETag == "7")
        #expect(try await details(412, #"{"etag":"v1"}"#) == nil)
    }

    @Test("what could not be sent names the member that the path asks for")
    func unsendable() async throws {
        let route = Route(operation: "*", entity: "*", method: "PUT", path: "/homes/{home_id}")
        guard case .unsendable(let error) = try await outcome(of: .accepted, configure: { $0.routes = [route] }) else {
            Issue.record("it was sent")
            return
        }
        guard case .validation(let field, let constraint) = error.kind else {
            Issue.record("\(error.kind)")
            return
        }
        #expect(field == "home_id" && constraint?.isEmpty == false)
    }
}
