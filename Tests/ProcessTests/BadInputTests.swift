import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// Promise 8 on the real binary: bad input names its field, harms nothing, and leaves nothing behind.
    @Suite(.serialized) struct BadInputTests {
        static let lines = ["Content-Type": "application/x-ndjson"]

        @Test("over HTTP each bad operation is a 4xx that names its field, and nothing of it is stored")
        func overHTTP() async throws {
            try await withServe { workplace, url in
                for input in BadInput.all + [BadInput("an empty body", ["body"], "")] {
                    let answer = try await Web.send("POST", url, "/v1/operations", bytes: input.bytes)
                    expectRefusal(answer, input)
                }
                let list = "[\(Web.operation),\(Web.operation.replacing("{}", with: "7"))]"
                let answer = try await Web.send("POST", url, "/v1/operations", body: list)
                expectRefusal(answer, BadInput("a list whose second is bad", ["operations[1].payload"], list))
                try await expectAccepted(0, url)
                try await workplace.expectBalance()
            }
        }

        @Test("as NDJSON each bad line is a 4xx that names the line and the field; the line before it is kept")
        func asLines() async throws {
            try await withServe { workplace, url in
                let inputs = BadInput.all
                for input in inputs {
                    let bytes = Array((Web.operation + "\n").utf8) + input.bytes + Array(("\n" + Web.operation).utf8)
                    let answer = try await Web.send("POST", url, "/v1/operations", bytes: bytes, headers: Self.lines)
                    expectRefusal(answer, input)
                    #expect(answer.json["errors"]?.elements?.first?["line"]?.integer == 2, "\(input.name): \(answer.body)")
                    #expect(answer.json["accepted"]?.integer == 1, "\(input.name): \(answer.body)")
                }
                try await expectAccepted(inputs.count, url)
                try await workplace.expectBalance()
            }
        }

        @Test("from a file each bad line ends the command with 1, the line and the field; the line before it is kept")
        func fromFile() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/operations.ndjson"
            let inputs = BadInput.all
            for input in inputs {
                try Data(Array((Web.operation + "\n").utf8) + input.bytes + Array("\n".utf8)).write(to: URL(fileURLWithPath: file))
                let answer = try await workplace.run("enqueue", "--from-file", file)
                #expect(answer.status == 1, "\(input.name): \(answer.errors.prefix(300))")
                #expect(answer.errors.contains("line 2: "), "\(input.name): \(answer.errors.prefix(300))")
                #expect(input.fields.contains { answer.errors.contains("line 2: \($0): ") }, "\(input.name): \(answer.errors.prefix(300))")
            }
            #expect(try await workplace.run("status", "--json").json["books"]?["accepted"]?.integer == Int64(inputs.count))
            try await workplace.expectBalance()
        }

        @Test("NDJSON that breaks off on line 5001 keeps the 5000 before it and names the line")
        func breaksOff() async throws {
            try await withServe { workplace, url in
                let body = String(repeating: Web.operation + "\n", count: 5000) + #"{"operation_type":"upd"#
                let answer = try await Web.send("POST", url, "/v1/operations", body: body, headers: Self.lines)
                #expect((400..<500).contains(answer.status), "\(answer.body.prefix(300))")
                #expect(answer.json["errors"]?.elements?.first?["line"]?.integer == 5001, "\(answer.body.prefix(300))")
                #expect(answer.json["detail"]?.string?.contains("line 5001") == true, "\(answer.body.prefix(300))")
                #expect(answer.json["accepted"]?.integer == 5000)
                try await expectAccepted(5000, url)
                try await workplace.expectBalance()
            }
        }

        @Test("an escaped NUL in a payload is JSON like any other, and comes back as it was")
        func keepsEscapedNUL() async throws {
            try await withServe { workplace, url in
                let body = #"{"id":"nul","operation_type":"update","entity_type":"room","entity_id":"r1","payload":{"a":"x\u0000y"}}"#
                #expect(try await Web.post(url, body) == 202)
                let payload = try await Web.get(url, "/v1/operations/nul").json["payload"]
                #expect(payload?["a"]?.string == "x\0y")
                #expect(try await workplace.run("show", "nul", "--json").json["payload"] == payload)
                try await workplace.expectBalance()
            }
        }

        private func expectRefusal(_ answer: Web.Answer, _ input: BadInput) {
            let told = "\(input.name): \(answer.status) \(answer.body.prefix(300))"
            #expect((400..<500).contains(answer.status), "\(told)")
            #expect(answer.headers.contains("application/problem+json"), "\(told)")
            #expect(answer.json["status"]?.integer == Int64(answer.status), "\(told)")
            let error = answer.json["errors"]?.elements?.first
            #expect(input.fields.contains(error?["field"]?.string ?? ""), "\(told)")
            #expect(error?["message"]?.string?.isEmpty == false, "\(told)")
        }

        private func expectAccepted(_ count: Int, _ url: String) async throws {
            #expect(try await Web.get(url, "/v1/status").json["books"]?["accepted"]?.integer == Int64(count))
        }

        /// A daemon that must be there still when all is done.
        private func withServe(_ body: (Workplace, String) async throws -> Void) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            try await body(workplace, serve.url)
            #expect(try await Web.get(serve.url, "/healthz").status == 200)
            #expect(serve.terminate() == 0)
        }
    }
}
