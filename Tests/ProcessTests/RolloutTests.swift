import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// The guard that halts delivery when a change has brought errors.
    @Suite(.serialized) struct RolloutTests {
        private static let watched = [
            "GUARDIAN_ROLLOUT_GUARD": "true", "GUARDIAN_ROLLOUT_WINDOW": "100ms", "GUARDIAN_ROLLOUT_WINDOWS": "2",
            "GUARDIAN_ROLLOUT_FEWEST": "10",
        ]

        @Test(
            "a change that brings 30 % of errors halts delivery, says so, and what waits is delivered after the cure",
            arguments: [true, false])
        func halts(isOnBefore: Bool) async throws {
            // A guard that comes with the change knows it for one.
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0", "--latency", "5ms"])
            defer { backend.kill() }
            try await enqueue(1...20, workplace)
            // The first start is no change: nothing is watched, whatever comes back.
            let first = try await serve(workplace, backend, timeout: "20s", isGuarded: isOnBefore)
            try await Web.wait("20 processed") { try await Web.processed(first.url) == 20 }
            #expect(first.terminate() == 0)
            let mode = try FileManager.default.attributesOfItem(atPath: workplace.path + "/rollout.json")[.posixPermissions] as? Int
            #expect(mode == 0o600)

            try await Web.poison(backend.url, ["r1", "r2", "r3"])
            try await enqueue(21...1020, workplace)
            let second = try await serve(workplace, backend, timeout: "21s")
            defer { second.kill() }
            try await Web.wait("the halt") { try await pauses(second.url).contains("rollout_halted") }
            try await Web.wait("the log to say so") { second.errors.contains("rollout_halted") }
            let status = try await workplace.run("status")
            #expect(status.output.contains("rollout_halted"), "\(status.output)")
            // What was on the wire at that moment comes back first.
            try await Web.wait("one that is held by it") {
                let heads = try await Web.get(second.url, "/v1/operations?status=pending&limit=20").json["operations"]?.elements ?? []
                for head in heads {
                    let explained = try await workplace.run("explain", head["id"]?.string ?? "", "--json").json
                    guard explained["reason"]?.string == "paused" else { continue }
                    return explained["detail"]?.string?.contains("after the last change") == true
                }
                return false
            }

            try await Web.setMode(backend.url, status: nil)
            #expect(try await workplace.run("resume").status == 0)
            // Those that were refused before the halt are judged when delivery goes on.
            try await Web.wait("all processed") {
                if try await Web.failed(second.url) > 0 { #expect(try await workplace.run("retry", "--all-failed").status == 0) }
                return try await Web.processed(second.url) == 1020
            }
            try await workplace.expectBalance()
        }

        @Test("without a change, the same errors halt nothing")
        func bearsWithoutChange() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0", "--latency", "5ms"])
            defer { backend.kill() }
            try await Web.poison(backend.url, ["r1", "r2", "r3"])
            try await enqueue(1...500, workplace)
            let serve = try await serve(workplace, backend, timeout: "20s")
            defer { serve.kill() }
            try await Web.wait("all settled") {
                let processed = try await Web.processed(serve.url)
                let failed = try await Web.failed(serve.url)
                return processed + failed == 500
            }
            #expect(try await pauses(serve.url).isEmpty)
        }

        @Test("commands that deliver nothing leave the mark of the last change as it is, whatever they are configured with")
        func commandsAreNoChange() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let serve = try await serve(workplace, backend, timeout: "20s")
            #expect(serve.terminate() == 0)
            let mark = try Data(contentsOf: URL(fileURLWithPath: workplace.path + "/rollout.json"))
            let archive = workplace.path + "/failed.ndjson"
            try Data().write(to: URL(fileURLWithPath: archive))
            let enqueued = try await workplace.run(
                "enqueue", "--operation", "delete", "--entity-type", "room", "--entity-id", "r1", environment: Self.watched)
            #expect(enqueued.status == 0, "\(enqueued.errors)")
            let restored = try await workplace.run("archive", "--restore", archive, environment: Self.watched)
            #expect(restored.status == 0, "\(restored.errors)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: workplace.path + "/rollout.json")) == mark)
        }

        @Test("a mark that can't be written keeps nobody from delivering, and is told")
        func deliversUnnoted() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            // No file can take a directory's place.
            try FileManager.default.createDirectory(atPath: workplace.path + "/rollout.json", withIntermediateDirectories: true)
            try await enqueue(1...3, workplace)
            let serve = try await serve(workplace, backend, timeout: "20s")
            defer { serve.kill() }
            try await Web.wait("3 processed") { try await Web.processed(serve.url) == 3 }
            try await Web.wait("the warning") { serve.errors.contains("rollout mark not written") }
        }

        @Test("a share that is none is a usage error that names its key")
        func refusesNonsense() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let answer = try await workplace.run("config", "check", environment: ["GUARDIAN_ROLLOUT_ERROR_RATE": "5"])
            #expect(answer.status == 2)
            #expect(answer.errors.contains("rollout.error_rate"))
        }

        private func pauses(_ url: String) async throws -> [String] {
            let status = try await Web.get(url, "/v1/status").json
            return (status["pauses"]?.elements ?? []).compactMap(\.string)
        }

        private func serve(
            _ workplace: Workplace, _ backend: Guardian, timeout: String, isGuarded: Bool = true
        ) async throws -> Guardian {
            let environment = (isGuarded ? Self.watched : [:]).merging(["GUARDIAN_UPSTREAM_TIMEOUT": timeout]) { $1 }
            return try await Guardian.start(
                workplace.arguments(upstream: backend.url), environment: Workplace.quick.merging(environment) { $1 })
        }

        private func enqueue(_ numbers: ClosedRange<Int>, _ workplace: Workplace) async throws {
            let lines = numbers.map {
                #"{"id":"o\#($0)","operation_type":"update","entity_type":"room","entity_id":"r\#($0 % 10)","payload":{"seq":\#($0)}}"#
            }
            let file = workplace.path + "/operations.ndjson"
            try (lines.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
            let answer = try await workplace.run("enqueue", "--from-file", file, "--json")
            #expect(answer.status == 0, "\(answer.errors)")
        }
    }
}
