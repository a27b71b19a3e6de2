import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// What an old build has queued is delivered by a new one.
    @Suite(.serialized) struct MigrateTests {
        static let casters = """
            upcasters:
              - { entity: room, from: 1, to: 2, rename: { temp: temperature }, set: { unit: celsius } }
              - { entity: room, from: 2, to: 3, rename: { temperature: climate.temperature, unit: climate.unit }, remove: [legacy] }

            """
        /// Has the old name and the new one, so it can't become version 2.
        static let poison = #"{"temp":1,"temperature":2}"#

        @Test("300 operations of version 1 wait; --dry-run says that all would be cast, and serve delivers them as version 3")
        func delivers() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let config = try configuration(workplace)
            try await enqueue((1...300).map { Self.line($0) }, workplace)

            let forecast = try await workplace.run("migrate", "--dry-run", "--json", "--config", config)
            #expect(forecast.status == 0, "\(forecast.errors)")
            #expect(forecast.json["pending"]?.integer == 300)
            #expect(forecast.json["would_cast"]?.integer == 300)
            #expect(forecast.json["impossible"]?.integer == 0)
            let groups = try #require(forecast.json["groups"]?.elements)
            #expect(groups.map { $0["entity_type"]?.string } == ["room"])
            #expect(groups.map { $0["schema_version"]?.integer } == [1])
            #expect(groups.map { $0["to_version"]?.integer } == [3])
            let told = try await workplace.run("migrate", "--dry-run", "--config", config)
            #expect(told.output.contains("room version 1: 0 up to date, 300 would be cast to version 3, 0 impossible"), "\(told.output)")
            let before = try await workplace.run("show", "o1", "--json").json
            #expect(before["schema_version"]?.integer == 1)

            try await withDaemon(workplace, config) { serve, backend in
                try await Web.wait("300 processed") { try await Web.processed(serve.url) == 300 }
                let payloads = try await Self.payloads(backend.url)
                #expect(payloads.count == 300)
                #expect(Set(payloads.compactMap { $0["seq"]?.integer }) == Set(1...300))
                for payload in payloads {
                    #expect(payload["climate"]?["temperature"] == payload["seq"], "\(payload.text)")
                    #expect(payload["climate"]?["unit"] == "celsius", "\(payload.text)")
                    let names = Set((payload.members ?? []).map(\.name))
                    #expect(names == ["seq", "climate"], "\(payload.text)")
                }
            }
            try await workplace.expectBalance()
        }

        @Test("one that can't be cast ends in failed, unchanged, under UPCAST_FAILED; the others are delivered")
        func setsAside() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let config = try configuration(workplace)
            try await enqueue((1...20).map { Self.line($0) } + [Self.line(21, payload: Self.poison)], workplace)

            let forecast = try await workplace.run("migrate", "--dry-run", "--json", "--config", config)
            #expect(forecast.status == 1)
            #expect(forecast.json["would_cast"]?.integer == 20)
            #expect(forecast.json["impossible"]?.integer == 1)
            let reasons = try #require(forecast.json["groups"]?.elements?.first?["reasons"]?.elements)
            #expect(reasons.map { $0["id"]?.string } == ["o21"])
            #expect(reasons.map { $0["code"]?.string } == ["UPCAST_FAILED"])
            let told = try await workplace.run("migrate", "--dry-run", "--config", config)
            #expect(told.output.contains("o21  UPCAST_FAILED: room: version 1 can't become version 3"), "\(told.output)")

            try await withDaemon(workplace, config) { serve, backend in
                try await Web.wait("20 processed and 1 failed") {
                    let processed = try await Web.processed(serve.url)
                    let failed = try await Web.failed(serve.url)
                    return processed == 20 && failed == 1
                }
                #expect(try await Self.payloads(backend.url).count == 20)
            }
            let failed = try await workplace.run("show", "o21", "--json").json
            #expect(failed["status"]?.string == "failed")
            #expect(failed["last_error"]?["code"]?.string == "UPCAST_FAILED")
            #expect(failed["last_error"]?["message"]?.string?.contains("temperature") == true)
            #expect(failed["payload"]?.text == Self.poison)
            #expect(failed["schema_version"]?.integer == 1)
            try await workplace.expectBalance()
        }

        @Test("an operation of a newer build is told apart, and so is what has no casters")
        func tellsApart() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let config = try configuration(workplace)
            try await enqueue([Self.line(1, version: 4), Self.line(2, version: 3), Self.line(3, version: 9, entity: "user")], workplace)
            let forecast = try await workplace.run("migrate", "--dry-run", "--json", "--config", config)
            #expect(forecast.status == 1)
            #expect(forecast.errors.contains("1 operation(s) can't be cast"))
            #expect(forecast.json["up_to_date"]?.integer == 2)
            #expect(forecast.json["would_cast"]?.integer == 0)
            let groups = try #require(forecast.json["groups"]?.elements)
            #expect(groups.map { $0["schema_version"]?.integer } == [3, 4, 9])
            #expect(groups.map { $0["impossible"]?.integer } == [0, 1, 0])
            #expect(groups[1]["reasons"]?.elements?.first?["code"]?.string == "SCHEMA_TOO_NEW")
        }

        @Test("where a route merges, one whose base can't be cast is impossible; elsewhere it goes on without its base")
        func base() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let line =
                #"{"id":"o","operation_type":"update","entity_type":"room","entity_id":"1","payload":{"temp":1},"base":\#(Self.poison)}"#
            try await enqueue([line], workplace)
            let merging = """
                upstream:
                  routes:
                    - { operation: update, entity: room, method: PUT, path: "/api/v1/rooms/{id}", conflict: merge }

                """
            for (routes, wouldCast) in [("", 1), (merging, 0)] as [(String, Int64)] {
                let config = try configuration(workplace, Self.casters + routes)
                let forecast = try await workplace.run("migrate", "--dry-run", "--json", "--config", config)
                #expect(forecast.json["would_cast"]?.integer == wouldCast, "\(forecast.output)\(forecast.errors)")
                #expect(forecast.json["impossible"]?.integer == 1 - wouldCast, "\(forecast.output)")
            }
        }

        @Test("without --dry-run migrate says who casts and is 2; without a store it is 4; with wrong casters it is 2 and names them")
        func callerIsTold() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let bare = try await workplace.run("migrate")
            #expect(bare.status == 2)
            #expect(bare.errors.contains("guardian serve"))
            #expect(try await workplace.run("migrate", "--dry-run").status == 4)
            let config = try configuration(workplace, "upcasters: [{ entity: room, from: 1, to: 1 }]\n")
            for command in [["migrate", "--dry-run"], ["config", "check"]] {
                let answer = try await Guardian.run(command + ["--config", config, "--data-dir", workplace.path])
                #expect(answer.status == 2, "\(command)")
                #expect(answer.errors.contains("upcasters[0].to: "), "\(command): \(answer.errors)")
            }
        }

        private func configuration(_ workplace: Workplace, _ text: String = casters) throws -> String {
            let file = workplace.path + "/guardian.yaml"
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            return file
        }

        /// An update as an old build wrote it; there are 50 rooms.
        private static func line(_ n: Int, payload: String? = nil, version: Int = 1, entity: String = "room") -> String {
            let payload = payload ?? #"{"seq":\#(n),"temp":\#(n),"legacy":{"n":\#(n)}}"#
            return #"{"id":"o\#(n)","operation_type":"update","entity_type":"\#(entity)","entity_id":"\#(n % 50)","#
                + #""schema_version":\#(version),"payload":\#(payload)}"#
        }

        private func enqueue(_ lines: [String], _ workplace: Workplace) async throws {
            let file = workplace.path + "/operations.ndjson"
            try (lines.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
            let answer = try await workplace.run("enqueue", "--from-file", file, "--json")
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(answer.json["accepted"]?.integer == Int64(lines.count))
        }

        private func withDaemon(_ workplace: Workplace, _ config: String, _ body: (Guardian, Guardian) async throws -> Void) async throws {
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let serve = try await workplace.serve(upstream: backend.url, ["--config", config])
            defer { serve.kill() }
            try await body(serve, backend)
            #expect(serve.terminate() == 0)
        }

        /// The payloads of the requests that the upstream got, as they came.
        private static func payloads(_ url: String) async throws -> [JSONValue] {
            let requests = try #require(try await Web.get(url, "/_requests").json["requests"]?.elements)
            return requests.filter { $0["method"]?.string == "PUT" }.compactMap { request in
                request["body"]?.string.flatMap { try? JSONValue(parsing: $0) }?["payload"]
            }
        }
    }
}
