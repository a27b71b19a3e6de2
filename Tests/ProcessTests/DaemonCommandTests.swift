import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// Commands beside a daemon that has the store open.
    @Suite(.serialized) struct DaemonCommandTests {
        @Test("enqueue beside the daemon: it delivers what another process has put in")
        func enqueues() async throws {
            try await withDaemon { workplace, serve, backend in
                for id in ["a", "b"] { #expect(try await workplace.enqueue(id).json["outcome"]?.string == "accepted") }
                try await Web.wait("2 processed") { try await Web.processed(serve.url) == 2 }
                #expect(try await workplace.enqueue("a").json["outcome"]?.string == "duplicate")
                #expect(try await Web.effects(backend.url).count == 2)
                #expect(try await workplace.run("show", "a").status == 3)
            }
        }

        @Test("retry by id, retry --all-failed and clear-failed move what has failed, beside the daemon")
        func retries() async throws {
            try await withDaemon { workplace, serve, backend in
                try await Web.poison(backend.url, ["a", "b", "c"])
                // A good one after each bad one: the server works.
                for (index, id) in ["a", "b", "c"].enumerated() {
                    #expect(try await workplace.enqueue(id).status == 0)
                    #expect(try await workplace.enqueue("good-\(id)").status == 0)
                    try await Web.wait("\(id) failed") { try await Web.failed(serve.url) == index + 1 }
                    try await Web.wait("a good one") { try await Web.processed(serve.url) == index + 1 }
                }
                let failed = try #require(try await workplace.run("list", "--status", "failed", "--json").json.elements)
                #expect(failed.compactMap { $0["id"]?.string } == ["a", "b", "c"])
                #expect(failed.allSatisfy { $0["last_error"]?["http_status"]?.integer == 422 })
                #expect(try await workplace.run("list", "--status", "failed").output.contains("permanent"))

                try await Web.setMode(backend.url, status: nil)
                #expect(try await workplace.run("retry", "b", "--json").json["retried"]?.integer == 1)
                try await Web.wait("b processed") { try await Web.processed(serve.url) == 4 }
                #expect(try await workplace.run("retry", "b").status == 3)
                #expect(try await workplace.run("retry", "--all-failed", "--json").json["retried"]?.integer == 2)
                try await Web.wait("all processed") { try await Web.processed(serve.url) == 6 }
                #expect(try await Web.effects(backend.url).count == 6)

                try await Web.poison(backend.url, ["d"])
                #expect(try await workplace.enqueue("d").status == 0)
                try await Web.wait("1 failed") { try await Web.failed(serve.url) == 1 }
                #expect(try await workplace.run("clear-failed").status == 5)
                #expect(try await workplace.run("clear-failed", "--yes", "--json").json["cleared"]?.integer == 1)
                #expect(try await workplace.run("status", "--json").json["books"]?["cleared"]?.integer == 1)
            }
        }

        @Test("pause stops a running daemon, and resume lets it go on")
        func pauses() async throws {
            try await withDaemon { workplace, serve, backend in
                #expect(try await workplace.run("pause").status == 0)
                try await Web.wait("the daemon's pause") { serve.errors.contains(#""message":"delivery paused""#) }
                for id in ["a", "b", "c"] { #expect(try await workplace.enqueue(id).status == 0) }
                let status = try await workplace.run("status", "--json").json
                #expect(status["pauses"]?.elements == ["paused"])
                #expect(status["books"]?["pending"]?.integer == 3)
                #expect(try await Web.effects(backend.url).isEmpty)
                #expect(try await workplace.run("cancel", "b", "--yes", "--json").json["cancelled"]?.string == "never_sent")
                #expect(try await workplace.run("resume").status == 0)
                try await Web.wait("2 processed") { try await Web.processed(serve.url) == 2 }
                #expect(try await Web.effects(backend.url).map(\.entity).sorted() == ["/api/v1/rooms/a", "/api/v1/rooms/c"])
            }
        }

        @Test("lock release fences the daemon off; it takes the lock again under a higher epoch and goes on")
        func releasesLock() async throws {
            try await withDaemon { workplace, serve, backend in
                try await Web.wait("the lock") { try await workplace.run("lock", "status", "--json").json["held"] == true }
                let before = try await workplace.run("lock", "status", "--json").json
                #expect(before["processors"]?.elements?.count == 1)
                #expect(before["processors"]?.elements?.first?["owner"] == before["owner"])
                let released = try await workplace.run("lock", "release", "--yes", "--json").json
                #expect(released["released"] == true)
                #expect(released["processors"] == 1)
                let epoch = try #require(before["epoch"]?.integer)
                try await Web.wait("a higher epoch") {
                    let now = try await workplace.run("lock", "status", "--json").json
                    return now["held"] == true && now["epoch"]?.integer ?? 0 > epoch
                }
                #expect(try await workplace.enqueue("a").status == 0)
                try await Web.wait("1 processed") { try await Web.processed(serve.url) == 1 }
                #expect(try await Web.effects(backend.url).count == 1)
            }
        }

        @Test("check and rebuild-index run beside a daemon that delivers")
        func checks() async throws {
            try await withDaemon { workplace, serve, _ in
                var sent = 0
                for _ in 0..<5 {
                    for _ in 0..<40 {
                        sent += 1
                        let body =
                            #"{"operation_type":"update","entity_type":"room","entity_id":"r\#(sent % 7)","payload":{"seq":\#(sent)}}"#
                        #expect(try await Web.post(serve.url, body) == 202)
                    }
                    try await workplace.expectBalance()
                    #expect(try await workplace.run("rebuild-index", "--json").json["changed"]?.integer == 0)
                }
                try await Web.wait("all processed") { try await Web.processed(serve.url) == sent }
            }
        }

        /// A daemon with a reference upstream; afterwards the books must balance and the daemon must end well.
        private func withDaemon(_ body: (Workplace, Guardian, Guardian) async throws -> Void) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let serve = try await workplace.serve(upstream: backend.url)
            defer { serve.kill() }
            try await body(workplace, serve, backend)
            try await workplace.expectBalance()
            #expect(serve.terminate() == 0)
        }
    }
}
