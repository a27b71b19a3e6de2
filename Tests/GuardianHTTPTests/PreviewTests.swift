import GuardianCore
import GuardianHTTP
import Testing

@Suite struct PreviewTests {
    struct Case: Sendable {
        var type = "update"
        var entity = "room"
        var id = "r1"
        var payload: String? = #"{"n":1}"#
        var txn: String?
        var token: String?
        var prefix = ""
        var envelope = HTTPTransportConfiguration.Envelope.standard
        var routes: [Route] = []
    }

    static let cases = [
        Case(), Case(token: "secret"), Case(type: "create", txn: #"a"b\é"#), Case(type: "delete", payload: nil),
        Case(id: "a/b?c#d é%", payload: #"{ "s": "é\u0000", "n" : 9007199254740993 }"#, token: "secret", prefix: "/base/v9/"),
        Case(payload: #"{"heartRate":72.0,"note":"x"}"#, envelope: .none),
        Case(
            type: "report", payload: #"{"heartRate":72.0,"roomName":"a b","note":"x"}"#,
            routes: [
                Route(
                    operation: "*", entity: "*", method: "PATCH", path: "/x|y/{room_name}?z=\"1\"&q={id}", keyMapping: .snakeCase,
                    fields: ["heartRate"])
            ]),
        Case(type: "report", payload: #"{"n":1}"#, routes: [Route(operation: "*", entity: "*", method: "GET", path: "/x", fields: [])]),
    ]

    @Test("a preview is what goes over the wire, field by field and byte for byte, but for the token", arguments: cases.indices)
    func same(index: Int) async throws {
        let given = Self.cases[index]
        let claim = try claimed(given.type, given.entity, id: given.id, payload: given.payload, txn: given.txn)
        try await WireServer.run { server in
            func configure(_ configuration: inout HTTPTransportConfiguration) {
                configuration.envelope = given.envelope
                configuration.routes = given.routes
            }
            let url = server.url + given.prefix
            let preview = try await withTransport(to: url, configure: configure) { transport in
                try transport.preview(of: claim.operation, hasToken: given.token != nil)
            }
            #expect(server.requests.isEmpty)
            #expect(try await deliver(claim, to: url, token: given.token, configure: configure).word == "accepted")
            let sent = try #require(server.requests.first)
            #expect(preview.method == sent.method)
            #expect(preview.url == server.url + sent.target)
            #expect(preview.body == sent.body)
            let fields = preview.headers.map { name, value in
                WireRequest.Field(name: name, value: name == "authorization" ? value.replacing("***", with: given.token ?? "") : value)
            }
            #expect(fields == sent.fields)
            #expect(!preview.text.contains("secret"))
        }
    }

    @Test("as text it is the method and the URL, one header a line, an empty line, and the body")
    func text() async throws {
        let claim = try claimed(payload: #"{"n":1}"#)
        let text = try await withTransport(to: "http://localhost/base") { try $0.preview(of: claim.operation, hasToken: true).text }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.first == "PUT http://localhost/base/api/v1/rooms/r1")
        #expect(lines.contains("authorization: Bearer ***"))
        #expect(lines.contains("idempotency-key: \(claim.operation.idempotencyKey)"))
        #expect(lines.dropLast(2).last == "content-length: \(lines.last?.utf8.count ?? 0)")
        #expect(lines.dropLast().last == "")
        #expect(lines.last?.hasSuffix(#","payload":{"n":1}}"#) == true)
    }

    @Test(
        "the host has its port unless it is the scheme's own",
        arguments: [
            ("http://127.0.0.1", "127.0.0.1"), ("http://127.0.0.1:80", "127.0.0.1"), ("http://localhost:8090", "localhost:8090"),
            ("http://[::1]:8090", "[::1]:8090"), ("https://API.example.com", "api.example.com"),
            ("https://api.example.com:443/v9", "api.example.com"), ("https://api.example.com:8443", "api.example.com:8443"),
        ])
    func host(url: String, expected: String) async throws {
        let claim = try claimed()
        let preview = try await withTransport(to: url) { try $0.preview(of: claim.operation, hasToken: false) }
        #expect(preview.headers.filter { $0.name == "host" }.map(\.value) == [expected])
        #expect(!preview.headers.contains { $0.name == "authorization" })
    }

    @Test("what can't be sent has no preview, and says why as the failed operation would")
    func unroutable() async throws {
        let claim = try claimed("calibrate")
        try await withTransport(to: "http://localhost") { transport in
            let thrown = #expect(throws: Unroutable.self) { try transport.preview(of: claim.operation, hasToken: false) }
            let outcome = await transport.send(claim, token: nil, timeoutMs: 1000)
            #expect(thrown?.code == "NO_ROUTE")
            let error = LastError(class: .permanent, code: thrown?.code ?? "", message: thrown?.message ?? "")
            #expect(outcome == .unsendable(error))
        }
    }
}
