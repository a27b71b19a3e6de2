import Foundation
import GuardianCore
import TestServers
import Testing

extension ProcessTests {
    /// What the real binary tells Sentry.
    @Suite(.serialized) struct SentryProcessTests {
        private struct Scene: Sendable {
            let workplace: Workplace
            let environment: [String: String]

            init(_ workplace: Workplace, port: Int, more: [String: String] = [:]) throws {
                self.workplace = workplace
                let file = workplace.path + "/dsn"
                try (SentryListener.dsn(port: port) + "\n").write(toFile: file, atomically: true, encoding: .utf8)
                environment = Workplace.quick.merging([
                    "GUARDIAN_SENTRY_DSN_FILE": file, "GUARDIAN_SENTRY_ENVIRONMENT": "staging", "GUARDIAN_LOG_MIN_FREE": "0",
                    "GUARDIAN_LOG_LEVEL": "debug",
                ]) { $1 }.merging(more) { $1 }
            }

            func serve(_ upstream: String) async throws -> Guardian {
                try await Guardian.start(workplace.arguments(upstream: upstream), environment: environment)
            }
        }

        private func types(_ listener: SentryListener) -> [String] {
            listener.events.compactMap { $0["exception"]?["values"]?.elements?.first?["type"]?.string }
        }

        @Test("an operation given up on is reported with its trace; the DSN stands in no log line and no file but its own")
        func reportsFailures() async throws {
            let listener = SentryListener()
            try await listener.listening { port in
                let workplace = try Workplace()
                defer { workplace.remove() }
                let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
                defer { backend.kill() }
                let scene = try Scene(workplace, port: port)
                let serve = try await scene.serve(backend.url)
                defer { serve.kill() }
                try await Web.poison(backend.url, ["bad"])
                #expect(try await Web.post(serve.url, Web.operation.replacing("r1", with: "bad")) == 202)
                try await Web.wait("the event") { listener.events.count == 1 }
                #expect(serve.terminate() == 0)
                let event = try #require(listener.events.first)
                #expect(event["environment"] == "staging" && event["release"]?.string?.hasPrefix("guardian@") == true)
                #expect(event["tags"]?["error_class"] == "permanent" && event["tags"]?["operation_type"] == "update")
                let trace = try #require(event["contexts"]?["trace"]?["trace_id"]?.string)
                let log = try String(contentsOfFile: workplace.path + "/logs/guardian.log", encoding: .utf8)
                #expect(log.replacing("-", with: "").contains(trace))
                for text in [log, serve.errors, event.text] { #expect(!text.contains(SentryListener.key)) }
                let names = try FileManager.default.subpathsOfDirectory(atPath: workplace.path)
                for name in names where name != "dsn" {
                    guard let data = FileManager.default.contents(atPath: workplace.path + "/" + name) else { continue }
                    #expect(!String(decoding: data, as: UTF8.self).contains(SentryListener.key), "\(name)")
                }
                let printed = try await workplace.run("config", "print", environment: scene.environment)
                #expect(!printed.output.contains(SentryListener.key))
            }
            #expect(listener.defects.isEmpty, "\(listener.defects)")
        }

        @Test("a process that was killed is reported by the next one, once; one that ended as it should is not")
        func reportsKills() async throws {
            let listener = SentryListener()
            try await listener.listening { port in
                let workplace = try Workplace()
                defer { workplace.remove() }
                let scene = try Scene(workplace, port: port)
                try await scene.serve(Workplace.nobody).kill()
                let second = try await scene.serve(Workplace.nobody)
                try await Web.wait("the report") { listener.events.count == 1 }
                #expect(second.errors.contains("process before this one did not end as it should"))
                #expect(second.terminate() == 0)
                let third = try await scene.serve(Workplace.nobody)
                #expect(try await workplace.enqueue("a").status == 0)
                #expect(third.terminate() == 0)
                #expect(!third.errors.contains("did not end as it should"))
            }
            #expect(types(listener) == ["unclean_shutdown"])
            #expect(listener.events.first?["level"] == "fatal")
            #expect(listener.defects.isEmpty, "\(listener.defects)")
        }

        @Test("a crash is reported with the frames that Swift's backtracer left")
        func reportsCrashes() async throws {
            let listener = SentryListener()
            try await listener.listening { port in
                let workplace = try Workplace()
                defer { workplace.remove() }
                let crashes = workplace.path + "/crashes"
                try FileManager.default.createDirectory(atPath: crashes, withIntermediateDirectories: true)
                let scene = try Scene(
                    workplace, port: port,
                    more: [
                        "SWIFT_BACKTRACE": "enable=yes,color=no,interactive=no,threads=crashed,unwind=fast,symbolicate=fast,"
                            + "images=none,registers=none,output-to=\(crashes)/"
                    ])
                let first = try await scene.serve(Workplace.nobody)
                kill(first.pid, SIGSEGV)
                // A signal that somebody sends does not come again once it has been handled, as a real fault does: the end is ours to make.
                try await Web.wait("the backtracer", seconds: 120) {
                    let reports = try FileManager.default.contentsOfDirectory(atPath: crashes).compactMap {
                        FileManager.default.contents(atPath: crashes + "/" + $0)
                    }
                    return reports.contains { String(decoding: $0, as: UTF8.self).contains("Backtrace took") }
                }
                first.kill()
                let second = try await scene.serve(Workplace.nobody)
                defer { second.kill() }
                try await Web.wait("the report") { listener.events.count == 1 }
                let exception = try #require(listener.events.first?["exception"]?["values"]?.elements?.first)
                #expect(exception["type"] == "crash", "\(exception.text) \(first.errors.suffix(500))")
                #expect((exception["stacktrace"]?["frames"]?.elements?.count ?? 0) > 0, "\(exception.text)")
                #expect(try FileManager.default.contentsOfDirectory(atPath: crashes).isEmpty)
            }
            #expect(listener.defects.isEmpty, "\(listener.defects)")
        }

        @Test("a damaged store and a breaker that stays open are reported")
        func reportsTrouble() async throws {
            let listener = SentryListener()
            try await listener.listening { port in
                let workplace = try Workplace()
                defer { workplace.remove() }
                let scene = try Scene(
                    workplace, port: port,
                    more: [
                        "GUARDIAN_SENTRY_BREAKER_OPEN_AFTER": "100ms", "GUARDIAN_BREAKER_FAILURES": "1",
                        "GUARDIAN_BREAKER_COOL_DOWN": "60s",
                    ])
                let serve = try await scene.serve(Workplace.nobody)
                #expect(try await workplace.enqueue("a").status == 0)
                try await Web.wait("the breaker's event") { listener.events.count == 1 }
                #expect(serve.terminate() == 0)
                for suffix in ["-wal", "-shm"] { unlink(workplace.store + suffix) }
                try Data(repeating: 0xA5, count: 65_536).write(to: URL(fileURLWithPath: workplace.store))
                let damaged = try await scene.serve(Workplace.nobody)
                defer { damaged.kill() }
                try await Web.wait("the damage's event") { listener.events.count == 2 }
            }
            #expect(types(listener) == ["breaker_open_too_long", "store_salvaged"])
            #expect(listener.defects.isEmpty, "\(listener.defects)")
        }

        @Test("doctor --sentry sends a test event and says what came of it; a bad DSN is named and not shown")
        func doctor() async throws {
            let listener = SentryListener()
            try await listener.listening { port in
                let workplace = try Workplace()
                defer { workplace.remove() }
                let scene = try Scene(workplace, port: port)
                let good = try await workplace.run("doctor", "--sentry", "--upstream", Workplace.nobody, environment: scene.environment)
                #expect(good.status == 0 && good.output.contains("took the test event"), "\(good.output)\(good.errors)")
                #expect(listener.events.count == 1)
                listener.set(.answers(403))
                let bad = try await workplace.run("doctor", "--sentry", "--upstream", Workplace.nobody, environment: scene.environment)
                #expect(bad.status == 1 && bad.output.contains("check the DSN"), "\(bad.output)")
                let none = try await workplace.run("doctor", "--sentry", "--upstream", Workplace.nobody)
                #expect(none.status == 1 && none.output.contains("sentry.dsn_file"), "\(none.output)")
                let file = workplace.path + "/bad"
                try "https://verysecretkey@host".write(toFile: file, atomically: true, encoding: .utf8)
                let wrong = ["GUARDIAN_SENTRY_DSN_FILE": file]
                let serve = try await workplace.run("serve", "--listen", "127.0.0.1:0", environment: wrong)
                #expect(serve.status == 2 && serve.errors.contains("sentry.dsn_file"), "\(serve.errors)")
                #expect(!serve.errors.contains("verysecretkey"))
                for answer in [good, bad, none] { #expect(!(answer.output + answer.errors).contains(SentryListener.key)) }
            }
            #expect(listener.defects.isEmpty, "\(listener.defects)")
        }
    }
}
