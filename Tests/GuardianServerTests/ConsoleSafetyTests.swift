import GuardianCore
import GuardianServer
import GuardianTesting
import Testing

@Suite struct ConsoleSafetyTests {
    @Test(
        "what shares a character with an accent or a sign of its own is made harmless all the same: browsers read code points",
        arguments: ["\u{600}<b", "\u{600}\"b", "\"\u{301}b", "'\u{301}b", ">\u{301}b", "<\u{20D2}b"])
    func clusters(text: String) async throws {
        try await Visitor.enter { visitor in
            var random = Xoshiro256(seed: 1)
            let bad = GuardianCore.Operation(
                id: .text("a"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update",
                entity: EntityKey(type: "room", id: text), payload: "{}", enqueuedAt: visitor.sidecar.clock.now.wall)
            _ = try await visitor.sidecar.store.enqueue([bad])
            try await visitor.sidecar.settleHeads(.failed(LastError(class: .permanent, code: "X", httpStatus: 422, message: text)))
            let query = text.utf8.map { "%" + String($0, radix: 16) }.joined()
            let pages = [
                "/admin", "/admin/operations", "/admin/failures", "/admin/operations/a", "/admin/actions/clear-failed",
                "/admin/operations?entity_id=" + query, "/admin/operations?q=" + query, "/admin/logs?q=" + query,
            ]
            for page in pages {
                let answer = try await visitor.get(page)
                #expect(answer.status == 200, "\(page)")
                #expect(!answer.has(bytes: text), "\(page)")
            }
        }
    }

    @Test(
        "a page whose URL says a thing twice is refused: what it shows and what its buttons do must be the same set",
        arguments: [
            ("/admin/operations?status=&status=failed", "status"), ("/admin/operations?entity_id=a&entity_id=b", "entity_id"),
            ("/admin/bulk?kind=retry&entity_id=a&entity_id=b", "entity_id"), ("/admin/bulk?kind=cancel&kind=retry", "kind"),
        ])
    func repeatedParameters(path: String, name: String) async throws {
        try await Visitor.enter { visitor in
            try await visitor.get(path, accept: "*/*").expectProblem(400, field: name, says: "once")
        }
    }
}

extension Sidecar.Answer {
    /// Whether exactly these bytes stand in the body, whatever Swift takes for a character.
    func has(bytes text: String) -> Bool {
        let (body, wanted) = (Array(body.utf8), Array(text.utf8))
        return body.indices.contains { body[$0...].starts(with: wanted) }
    }
}
