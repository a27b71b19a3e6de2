import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// `guardian events`: what a running daemon does, from outside.
    @Suite(.serialized) struct EventsCommandTests {
        @Test("events prints one JSON object a line, with its event and time, and ends after as many as were asked for")
        func follows() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            let address = String(serve.url.dropFirst("http://".count))
            let answer = try await follow(workplace, address, posting: serve.url)
            #expect(answer.status == 0, "\(answer.errors)")
            let lines = answer.output.split(separator: "\n")
            #expect(lines.count == 3)
            for line in lines {
                let event = try JSONValue(parsing: String(line))
                #expect(event["event"]?.string?.isEmpty == false, "\(line)")
                #expect(Timestamp(rfc3339: event["at"]?.string ?? "") != nil, "\(line)")
            }
            #expect(try await Web.get(serve.url, "/healthz").status == 200)
        }

        @Test("events with nobody there ends with 1 and says to start serve")
        func nobodyAnswers() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let answer = try await Guardian.run(
                ["events", "--json", "--count", "3", "--data-dir", workplace.path, "--listen", "127.0.0.1:1"], wrapper: ["timeout", "30"])
            #expect(answer.status == 1)
            #expect(answer.errors.contains("guardian serve"), "\(answer.errors)")
            #expect(answer.output.isEmpty)
        }

        /// Runs the command to its end, and posts for as long as it runs: nobody says when it listens.
        private func follow(_ workplace: Workplace, _ address: String, posting url: String) async throws -> Guardian.Answer {
            try await withThrowingTaskGroup(of: Guardian.Answer?.self) { group in
                group.addTask {
                    try await Guardian.run(
                        ["events", "--json", "--count", "3", "--data-dir", workplace.path, "--listen", address], wrapper: ["timeout", "30"])
                }
                group.addTask {
                    try await Self.post(to: url)
                    return nil
                }
                defer { group.cancelAll() }
                return try #require(try await group.next() ?? nil)
            }
        }

        /// Until the task is cancelled.
        private static func post(to url: String) async throws {
            while !Task.isCancelled {
                #expect(try await Web.post(url, Web.operation) == 202)
                do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
            }
        }
    }
}
