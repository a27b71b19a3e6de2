import GuardianCore
import GuardianServer
import GuardianTesting
import Testing

@Suite struct ProblemRedactionTests {
    private static let secret = "jane.doe@example.com"

    @Test("what a problem says is redacted in its detail, its fields and its messages")
    func api() async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.post(operation("a", #","payload":{},"\#(Self.secret)":1"#))
            #expect(answer.status == 400)
            #expect(!answer.body.contains(Self.secret), "\(answer.body)")
            #expect(answer.json["errors"]?.elements?.first?["field"]?.string?.contains("[REDACTED_EMAIL]") == true)
        }
    }

    @Test("a secret at the place where a long name is cut is not said in part")
    func cut() async throws {
        try await Sidecar.run { sidecar in
            for length in 40..<140 {
                let name = String(repeating: "-", count: length) + Self.secret
                let path = try await sidecar.get("/v1/operations/" + name + String(repeating: "-", count: 160))
                let query = try await sidecar.get("/v1/operations?" + name + "=1")
                let field = try await sidecar.post(operation("a", #","payload":{},"\#(name)":1"#))
                for answer in [path, query, field] {
                    #expect(answer.status == 404 || answer.status == 400)
                    #expect(!answer.body.contains("jane.doe"), "\(answer.body)")
                }
            }
        }
    }

    @Test("an error page and the banner are redacted as the JSON is")
    func pages() async throws {
        let store = TroubledStore()
        try await Visitor.enter("viewer", store: store) { visitor in
            let unknown = try await visitor.get("/admin/operations?\(Self.secret)=1")
            #expect(unknown.status == 400)
            #expect(unknown.body.contains("[REDACTED_EMAIL]"))
            #expect(!unknown.body.contains(Self.secret), "\(unknown.body)")
            store.trouble = .unavailable("the disk of \(Self.secret) is gone")
            for accept in ["text/html", "*/*"] {
                let answer = try await visitor.get("/admin/operations", accept: accept)
                #expect(answer.status == 503)
                #expect(!answer.body.contains(Self.secret), "\(answer.body)")
            }
            try await eventually("the banner") { try await visitor.get("/admin/alerts").body.contains("The store does not answer") }
            #expect(try await !visitor.get("/admin/alerts").body.contains(Self.secret))
        }
    }
}
