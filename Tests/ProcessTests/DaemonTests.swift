import Foundation
import GuardianCore
import GuardianLoad
import Testing

extension ProcessTests {
    @Suite(.serialized) struct DaemonTests {
        @Test("SIGTERM drains and ends with exit code 0, and what is left is still there")
        func drains() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            let line = try #require(Workload(seed: 1, operations: 1).map(\.ndjson).first)
            #expect(try await Web.post(serve.url, line) == 202)
            #expect(serve.terminate() == 0)
            let status = try await workplace.run("status", "--json")
            #expect(status.output.contains(#""pending":1"#))
            #expect(status.output.contains(#""lock":null"#))
        }

        @Test(
            "SIGTERM under traffic ends with exit code 0 every time, and what was acknowledged is there", .timeLimit(.minutes(2)),
            arguments: 1...10)
        func stopsUnderTraffic(round: Int) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            let url = serve.url
            let (begun, begins) = AsyncStream.makeStream(of: Void.self)
            let lanes = 4
            let (status, acknowledged) = try await withThrowingTaskGroup(of: Int.self) { group in
                for lane in 0..<lanes {
                    group.addTask {
                        let operation = #"{"operation_type":"update","entity_type":"room","entity_id":"lane-\#(lane)","payload":{}}"#
                        var count = 0
                        // Until it refuses, or has gone.
                        do {
                            while try await Web.post(url, operation) == 202 {
                                count += 1
                                if count == 5 { begins.yield() }
                            }
                        } catch is Web.NoAnswer {}
                        return count
                    }
                }
                var left = lanes
                for await _ in begun {
                    left -= 1
                    if left == 0 { break }
                }
                let status = serve.terminate()
                return (status, try await group.reduce(0, +))
            }
            #expect(status == 0, "round \(round): \(serve.errors.suffix(600))")
            // An operation whose answer did not get out may be there too, one of each lane.
            let pending = try await workplace.run("status", "--json").json["books"]?["pending"]?.integer ?? -1
            #expect((acknowledged...acknowledged + lanes).contains(Int(pending)), "round \(round): \(pending) of \(acknowledged)")
            try await workplace.expectBalance()
        }

        @Test("a port in use is named with what to do, on stderr and in the log; the backend names it too, on IPv6 as well")
        func portInUse() async throws {
            let (workplace, other) = (try Workplace(), try Workplace())
            defer {
                workplace.remove()
                other.remove()
            }
            let what = "is in use; stop what listens there, or give another --listen"
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            let address = String(serve.url.dropFirst("http://".count))
            let second = try await Guardian.run(
                ["serve", "--data-dir", other.path, "--listen", address, "--upstream", Workplace.nobody], wrapper: ["timeout", "20"])
            #expect(second.status == 1)
            #expect(second.errors.contains("guardian: listen: \(address) \(what)"), "\(second.errors)")
            #expect(second.errors.contains(#""reason":"listen: \#(address) \#(what)""#), "\(second.errors)")

            let backend = try await Guardian.start(["backend", "--listen", "[::1]:0"])
            defer { backend.kill() }
            let place = String(backend.url.dropFirst("http://".count))
            #expect(place.hasPrefix("[::1]:"), "\(backend.errors)")
            let next = try await Guardian.run(["backend", "--listen", place], wrapper: ["timeout", "20"])
            #expect(next.status == 1)
            #expect(next.errors.contains("guardian: listen: \(place) \(what)"), "\(next.errors)")
        }

        @Test("a hang-up drains as SIGTERM does; one that whoever started it does not want to end it by is passed over")
        func hangsUp() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let arguments = workplace.arguments(upstream: Workplace.nobody)
            let serve = try await Guardian.start(arguments, environment: Workplace.quick, wrapper: ["env", "--default-signal=HUP"])
            defer { serve.kill() }
            #expect(serve.end(by: SIGHUP) == 0)
            #expect(try await workplace.run("status", "--json").output.contains(#""lock":null"#))

            let stubborn = try await Guardian.start(arguments, environment: Workplace.quick, wrapper: ["env", "--ignore-signal=HUP"])
            defer { stubborn.kill() }
            Foundation.kill(stubborn.pid, SIGHUP)
            #expect(try await Web.get(stubborn.url, "/healthz").status == 200)
            #expect(stubborn.terminate() == 0)
        }

        @Test("two daemons on one store: one delivers, the other stands by and takes over when the first is killed")
        func takesOver() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let first = try await workplace.serve(upstream: backend.url)
            defer { first.kill() }
            let second = try await workplace.serve(upstream: backend.url)
            defer { second.kill() }
            first.kill()
            for line in Workload(seed: 5, operations: 50).map(\.ndjson) { #expect(try await Web.post(second.url, line) == 202) }
            try await Web.wait("50 processed") { try await Web.processed(second.url) >= 50 }
            #expect(try await Web.effects(backend.url).count == 50)
        }
    }

    @Suite struct FileTests {
        @Test("a truncated line stops the file there: lines before it are kept, the error names the line")
        func truncatedFile() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let lines = Workload(seed: 9, operations: 5000).map(\.ndjson)
            let file = workplace.path + "/operations.ndjson"
            try (lines.joined(separator: "\n") + "\n{\"operation_type\":\"upd").write(toFile: file, atomically: true, encoding: .utf8)
            let answer = try await workplace.run("enqueue", "--from-file", file)
            #expect(answer.status == 1)
            #expect(answer.errors.contains("line 5001"))
            #expect(try await workplace.run("status", "--json").output.contains(#""pending":5000"#))
        }
    }
}
