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
