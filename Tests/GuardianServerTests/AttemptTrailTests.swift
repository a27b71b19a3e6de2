import GuardianCore
import GuardianServer
import GuardianTesting
import Testing

@Suite struct AttemptTrailTests {
    private static let error = LastError(class: .transient, code: "HTTP_503", httpStatus: 503, message: "later")

    /// Tells the console of attempts that failed, from the first to the last.
    private func fail(_ id: String, _ attempts: ClosedRange<Int>, _ visitor: Visitor) {
        let now = visitor.sidecar.clock.now.wall
        for attempt in attempts {
            visitor.sidecar.server.console?.record(.claimed(id: .text(id), attempt: attempt), at: now)
            let answer = Event.retryScheduled(id: .text(id), due: now, backoffMs: 1000, error: Self.error)
            visitor.sidecar.server.console?.record(answer, at: now)
        }
    }

    private func deliver(_ count: Int, _ visitor: Visitor) {
        let now = visitor.sidecar.clock.now.wall
        for number in 0..<count {
            let id = OperationID.text("good-\(number)")
            visitor.sidecar.server.console?.record(.claimed(id: id, attempt: 1), at: now)
            visitor.sidecar.server.console?.record(.processed(id: id, latencyMs: 3, httpStatus: 200), at: now)
        }
    }

    @Test("the attempts of an operation that waits outlast any number of deliveries that succeed")
    func outlasts() async throws {
        try await Visitor.enter("viewer") { visitor in
            try await visitor.sidecar.accept(operation("a", id: "bad"))
            fail("bad", 1...3, visitor)
            deliver(30_000, visitor)
            let page = try await visitor.get("/admin/operations/bad").body
            for word in ["Attempt 1</strong>", "Attempt 3</strong>"] { #expect(page.contains(word), "\(word)") }
            #expect(!page.contains("does not reach back"))
        }
    }

    @Test("what has left is known for a while, and gives way to what leaves later")
    func leaves() async throws {
        try await Visitor.enter("viewer") { visitor in
            fail("bad", 1...1, visitor)
            visitor.sidecar.server.console?.record(
                .processed(id: .text("bad"), latencyMs: 3, httpStatus: 200), at: visitor.sidecar.clock.now.wall)
            let page = try await visitor.get("/admin/operations/bad").body
            for word in ["No longer stored", "Attempt 1</strong>", "Delivered</strong>"] { #expect(page.contains(word), "\(word)") }
            deliver(3000, visitor)
            let later = try await visitor.get("/admin/operations/bad")
            #expect(later.status == 404)
        }
    }

    @Test("a timeline that does not reach back says so: after a restart, and on another machine")
    func reach() async throws {
        try await Visitor.enter("viewer") { visitor in
            try await visitor.sidecar.accept(operation("a", id: "a"))
            let due = visitor.sidecar.clock.now.wall
            for mark in 1...2 {
                let result = Settlement.Result.retry(
                    due: due, backoffMs: 1000, error: Self.error, charged: true, failureMark: Int64(mark))
                try await visitor.sidecar.settleHeads(result)
            }
            let page = try await visitor.get("/admin/operations/a").body
            #expect(page.contains("does not reach back to the beginning: 2 attempts have failed, and this process knows of 0"))
            #expect(page.contains("Last attempt</strong>"))
            fail("a", 2...2, visitor)
            let other = try await visitor.get("/admin/operations/a").body
            #expect(other.contains("2 attempts have failed, and this process knows of 1"))
        }
    }

    @Test("of an operation that fails for very long the last attempts are kept")
    func isBounded() async throws {
        try await Visitor.enter("viewer") { visitor in
            try await visitor.sidecar.accept(operation("a", id: "a"))
            fail("a", 1...300, visitor)
            let page = try await visitor.get("/admin/operations/a").body
            #expect(page.contains("Attempt 300</strong>"))
            #expect(page.contains("Attempt 201</strong>"))
            #expect(!page.contains("Attempt 200</strong>"))
        }
    }
}
