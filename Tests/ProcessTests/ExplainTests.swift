import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// `explain` on the real binary: each reason that can be staged, as an operator meets it.
    @Suite(.serialized) struct ExplainTests {
        @Test("while the daemon is down: claimable, behind, not_before, paused; what has left says how it ended")
        func isDown() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try await workplace.enqueue([
                room("a"), room("a2", entity: "a"), room("early", #","not_before":"2999-01-01T00:00:00Z""#), room("doubt"),
            ])
            let free = try await workplace.explain("a")
            #expect(free.members?.map(\.name) == ["id", "claimable", "detail"])
            #expect(free["claimable"] == true)
            #expect(free["detail"]?.string?.contains("nobody delivers now: start `guardian serve`") == true)
            let behind = try await workplace.explain("a2")
            #expect(behind["reason"] == "behind" && behind["by"] == "a", "\(behind.text)")
            let early = try await workplace.explain("early")
            #expect(early["reason"] == "not_before" && early["until"] == "2999-01-01T00:00:00.000Z", "\(early.text)")
            #expect(try await workplace.explainQueue() == ["pending": 4, "claimable": 2, "reasons": ["behind": 1, "not_before": 1]])
            #expect(try await workplace.run("explain", "a").output.hasPrefix("claimable: it may go"))
            let words = try await workplace.run("explain").output
            #expect(words.hasPrefix("pending 4  claimable 2\nbehind 1\nnot_before 1\n"), "\(words)")
            #expect(words.hasSuffix("start `guardian serve`\n"), "\(words)")

            try await workplace.sqlite("UPDATE guardian_operation SET unknown_at = 1 WHERE id = 'doubt'")
            #expect(try await workplace.explain("doubt")["reason"] == "in_doubt")
            #expect(try await workplace.run("pause").status == 0)
            for id in ["a", "early", "doubt"] { #expect(try await workplace.explain(id)["reason"] == "paused", "\(id)") }
            #expect(try await workplace.explainQueue()["reasons"] == ["behind": 1, "paused": 3])

            #expect(try await workplace.run("cancel", "a", "--yes").status == 0)
            for (id, ending) in [("a", "it was cancelled"), ("nobody", "no operation nobody")] {
                let answer = try await workplace.run("explain", id, "--json")
                #expect(answer.status == 3 && answer.output.isEmpty, "\(answer.output)")
                #expect(answer.errors.contains(ending), "\(answer.errors)")
            }
            #expect(try await workplace.explain("a2")["reason"] == "paused")
        }

        @Test("leased while it is on the wire; once it has been delivered, exit code 3 says so")
        func isLeased() async throws {
            try await withDaemon { workplace, serve, backend in
                // It takes connections still, and answers when it goes on.
                kill(backend.pid, SIGSTOP)
                defer { kill(backend.pid, SIGCONT) }
                #expect(try await workplace.enqueue("a").status == 0)
                try await workplace.wait("a", for: "leased")
                #expect(try await workplace.explainQueue()["reasons"] == ["leased": 1])
                kill(backend.pid, SIGCONT)
                try await Web.wait("1 processed") { try await Web.processed(serve.url) == 1 }
                let answer = try await workplace.run("explain", "a")
                #expect(answer.status == 3 && answer.errors.contains("it was delivered"), "\(answer.errors)")
            }
        }

        @Test("backoff until its retry, then breaker for all when others fail too; both are still told when the daemon has ended")
        func fails() async throws {
            let slow = [
                "GUARDIAN_RETRY_BASE": "60s", "GUARDIAN_RETRY_MAX": "60s", "GUARDIAN_BREAKER_FAILURES": "2",
                "GUARDIAN_BREAKER_COOL_DOWN": "60s",
            ]
            try await withDaemon(slow) { workplace, serve, backend in
                try await Web.setMode(backend.url, status: 503)
                #expect(try await workplace.enqueue("a").status == 0)
                let retry = try await workplace.wait("a", for: "backoff")
                try expectSoon(retry, atMost: 61)
                #expect(retry["detail"]?.string?.contains("HTTP 503") == true, "\(retry.text)")
                #expect(try await workplace.enqueue("b").status == 0)
                for id in ["b", "a"] { try expectSoon(try await workplace.wait(id, for: "breaker"), atMost: 73) }
                #expect(serve.terminate() == 0)
                #expect(try await workplace.explainQueue() == ["pending": 2, "claimable": 0, "reasons": ["breaker": 2]])
            }
        }

        @Test("failed says why, and what to do")
        func isRefused() async throws {
            try await withDaemon { workplace, _, backend in
                try await Web.setMode(backend.url, status: 422)
                #expect(try await workplace.enqueue("a").status == 0)
                let told = try await workplace.wait("a", for: "failed")
                #expect(told["detail"]?.string?.contains("HTTP 422") == true, "\(told.text)")
                #expect(told["detail"]?.string?.contains("`guardian retry`") == true, "\(told.text)")
                #expect(try await workplace.explainQueue() == ["pending": 0, "claimable": 0, "reasons": ["failed": 1]])
            }
        }

        @Test(
            "auth_required and upgrade_required are told as long as they last; resume ends both",
            arguments: [(401, "auth_required"), (426, "upgrade_required")])
        func standsStill(status: Int, reason: String) async throws {
            try await withDaemon { workplace, serve, backend in
                try await Web.setMode(backend.url, status: status)
                #expect(try await workplace.enqueue("a").status == 0)
                try await workplace.wait("a", for: reason)
                #expect(try await workplace.enqueue("b").status == 0)
                #expect(try await workplace.explain("b")["reason"]?.string == reason)
                try await Web.setMode(backend.url, status: nil)
                #expect(try await workplace.run("resume").status == 0)
                try await Web.wait("2 processed") { try await Web.processed(serve.url) == 2 }
            }
        }

        @Test("origin_hold for all, until the time that Retry-After asked for")
        func isHeld() async throws {
            try await withDaemon { workplace, _, backend in
                try await setMode(backend, #"{"mode":"status","status":429,"retry_after":"60"}"#)
                #expect(try await workplace.enqueue("a").status == 0)
                try expectSoon(try await workplace.wait("a", for: "origin_hold"), atMost: 66)
                #expect(try await workplace.enqueue("b").status == 0)
                try expectSoon(try await workplace.explain("b"), atMost: 66)
                #expect(try await workplace.explainQueue()["reasons"] == ["origin_hold": 2])
            }
        }

        @Test("plague_hold when a gateway forbids everyone: nothing fails, and all is delivered when it opens")
        func plague() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            try await setMode(backend, #"{"mode":"gateway","status":403}"#)
            try await workplace.enqueue((0..<10).map { room("p\($0)") })
            let serve = try await workplace.serve(upstream: backend.url)
            defer { serve.kill() }
            let told = try await workplace.wait("p9", for: "plague_hold")
            #expect(told["detail"]?.string?.contains("HTTP 403") == true, "\(told.text)")
            let reasons = try await workplace.explainQueue()["reasons"]
            #expect(reasons?["plague_hold"]?.integer ?? 0 >= 8 && reasons?["failed"] == nil, "\(reasons?.text ?? "")")
            try await Web.setMode(backend.url, status: nil)
            try await Web.wait("10 processed") { try await Web.processed(serve.url) == 10 }
            try await workplace.expectBalance()
        }

        @Test("disk while there is no room for a claim, told beside the daemon and by it", .enabled(if: SmallDisk.isPossible))
        func disk() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let disk = try SmallDisk(on: workplace.path, megabytes: 8)
            defer { disk.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            #expect(try await Web.post(serve.url, room("a")) == 202)
            let size = try FileManager.default.attributesOfFileSystem(forPath: workplace.path)[.systemFreeSize] as? NSNumber
            let filler = try Filler(in: disk, bytes: try #require(size).intValue - (256 << 10))
            let told = try await workplace.wait("a", for: "disk")
            #expect(told["detail"]?.string?.contains("make room") == true, "\(told.text)")
            try await Web.wait("the daemon to tell it") {
                try await Web.get(serve.url, "/v1/operations/a/explain").json["reason"]?.string == "disk"
            }
            try filler.remove()
            #expect(try await workplace.explain("a")["reason"]?.string != "disk")
        }
    }
}

extension ProcessTests.ExplainTests {
    /// Expects an end that lies ahead, by so many seconds at most.
    private func expectSoon(_ told: JSONValue, atMost seconds: Int64) throws {
        let until = try #require(told["until"]?.string.flatMap { Timestamp(rfc3339: $0) }, "\(told.text)")
        let now = SystemClock().now.wall
        #expect(until > now && until <= now.adding(milliseconds: seconds * 1000), "\(told.text) at \(now)")
    }

    private func setMode(_ backend: Guardian, _ mode: String) async throws {
        #expect(try await Web.send("PUT", backend.url, "/_mode", body: mode).status == 200)
    }

    /// A daemon with a reference upstream; afterwards the books must balance.
    private func withDaemon(
        _ environment: [String: String] = Workplace.quick, _ body: (Workplace, Guardian, Guardian) async throws -> Void
    ) async throws {
        let workplace = try Workplace()
        defer { workplace.remove() }
        let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
        defer { backend.kill() }
        let serve = try await Guardian.start(workplace.arguments(upstream: backend.url), environment: environment)
        defer { serve.kill() }
        try await body(workplace, serve, backend)
        try await workplace.expectBalance()
    }
}
