import Foundation
import GuardianCore
import GuardianServer
import GuardianTesting
import NIOHTTP1
import Testing

@Suite struct OpenAPITests {
    @Test("the document is OpenAPI 3.1, names every route of the API, and every reference in it leads somewhere")
    func document() async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.get("/openapi.json")
            #expect(answer.status == 200)
            #expect(answer.json["openapi"]?.string?.hasPrefix("3.1") == true)
            let paths = try #require(answer.json["paths"]?.members)
            for path in paths {
                let methods = path.value.members?.map(\.name).filter { $0 != "parameters" } ?? []
                let concrete = path.name.replacing("{id}", with: "none")
                // What it names is there, and takes no other method.
                for method in ["get", "post", "put", "patch", "delete"] {
                    if path.name == "/v1/events", method == "get" { continue }
                    let status = try await sidecar.send(HTTPMethod(rawValue: method.uppercased()), concrete).status
                    #expect((status == 405) != methods.contains(method), "\(method) \(path.name): \(status)")
                }
            }
            let named = Set(paths.map(\.name))
            for path in ["/v1/operations", "/v1/operations/{id}", "/v1/operations/{id}/retry", "/v1/status", "/v1/events", "/openapi.json"]
            {
                #expect(named.contains(path))
            }
            for match in answer.body.matches(of: /"\$ref":"#\/([^"]+)"/) {
                var at = answer.json
                for part in match.1.split(separator: "/") { at = try #require(at[String(part)], "\(match.1)") }
            }
        }
    }

    @Test("every route that the server has stands in the document")
    func routes() throws {
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Sources/GuardianServer")
        let server = try String(contentsOf: source.appendingPathComponent("APIServer.swift"), encoding: .utf8)
        let document = try String(contentsOf: source.appendingPathComponent("Resources/OpenAPIDocument.swift"), encoding: .utf8)
        let found = server.matches(of: /router\.(get|post|delete|put)\("([^"]+)"\)/)
        #expect(found.count > 10)
        for match in found {
            let path = "/" + match.2.replacing(":id", with: "{id}")
            #expect(document.contains("\"\(path)\":{"), "\(match.1) \(path)")
        }
    }

    @Test("every operation names what a foreign Origin and a missing Host are answered, and the longest texts that it names are taken")
    func limits() async throws {
        try await Sidecar.run { sidecar in
            let document = try await sidecar.get("/openapi.json").json
            for path in try #require(document["paths"]?.members) {
                for method in path.value.members ?? [] where method.name != "parameters" {
                    for status in ["400", "403"] {
                        #expect(method.value["responses"]?[status] != nil, "\(method.name) \(path.name): \(status)")
                    }
                }
            }
            try await sidecar.send(.GET, "/v1/status", fields: [("Origin", "https://evil.example")]).expectProblem(403)
            let properties = document["components"]?["schemas"]?["NewOperation"]?["properties"]
            for name in ["txn_token", "entity_id", "ordering_key"] {
                let longest = Int(try #require(properties?[name]?["maxLength"]?.integer))
                #expect(properties?[name]?["description"]?.string?.hasPrefix("\(longest) bytes") == true)
                let entity = name == "entity_id" ? "" : #""entity_id":"a","#
                for (letter, length) in [("x", longest), ("🙂", longest / 4)] {
                    for (count, status) in [(length, 202), (length + 1, 400)] {
                        let text = String(repeating: letter, count: count)
                        let body = #"{"operation_type":"update","entity_type":"room",\#(entity)"payload":{},"\#(name)":"\#(text)"}"#
                        #expect(try await sidecar.post(body).status == status, "\(name) \(letter) \(count)")
                    }
                }
            }
        }
    }

    @Test("an array of as many operations as the document names is taken, and one of one more is refused")
    func mostOperations() async throws {
        try await Sidecar.run { sidecar in
            let document = try await sidecar.get("/openapi.json").json
            let content = document["paths"]?["/v1/operations"]?["post"]?["requestBody"]?["content"]?["application/json"]
            let array = content?["schema"]?["oneOf"]?.elements?.first { $0["type"]?.string == "array" }
            let most = Int(try #require(array?["maxItems"]?.integer))
            func body(_ count: Int) -> String {
                let deletes = (1...count).map { #"{"operation_type":"delete","entity_type":"room","entity_id":"\#($0)"}"# }
                return "[" + deletes.joined(separator: ",") + "]"
            }
            try await sidecar.post(body(most + 1)).expectProblem(400, field: "operations", says: "at most \(most)")
            #expect(try await sidecar.store.books().accepted == 0)
            let answer = try await sidecar.post(body(most))
            #expect(answer.status == 202, "\(answer.body.prefix(200))")
            #expect(answer.json["receipts"]?.elements?.count == most)
        }
    }

    @Test("the document is not sent twice to one who has it")
    func tag() async throws {
        try await Sidecar.run { sidecar in
            let tag = try #require(try await sidecar.get("/openapi.json").headers["etag"].first)
            let again = try await sidecar.send(.GET, "/openapi.json", fields: [("If-None-Match", tag)])
            #expect(again.status == 304)
            #expect(again.body.isEmpty)
        }
    }

    @Test("a post with an Idempotency-Key that is sent again adds nothing and brings the first receipts")
    func repeats() async throws {
        let bodies = [
            ("application/json", operation("a")), ("application/json", "[\(operation("a")),\(operation("b"))]"),
            ("application/x-ndjson", operation("a") + "\n" + operation("b") + "\n"),
        ]
        for (type, body) in bodies {
            try await Sidecar.run { sidecar in
                let first = try await sidecar.post(body, type: type, fields: [("Idempotency-Key", "k-1")])
                #expect(first.status == 202)
                let again = try await sidecar.post(body, type: type, fields: [("Idempotency-Key", "k-1")])
                #expect(again.status == 202)
                func ids(_ answer: Sidecar.Answer) -> [String?] {
                    (answer.json["receipts"]?.elements ?? [answer.json]).map { $0["id"]?.string }
                }
                #expect(ids(again) == ids(first))
                #expect(again.body.contains("duplicate"))
                let other = try await sidecar.post(body, type: type, fields: [("Idempotency-Key", "k-2")])
                #expect(ids(other) != ids(first))
                #expect(try await sidecar.store.books().accepted == Int64(ids(first).count * 2))
            }
        }
    }

    @Test("another body under a key that was used is refused, and a key that can be none is named")
    func otherBody() async throws {
        try await Sidecar.run { sidecar in
            #expect(try await sidecar.post(operation("a"), fields: [("Idempotency-Key", "k")]).status == 202)
            try await sidecar.post(operation("b"), fields: [("Idempotency-Key", "k")]).expectProblem(422)
            let long = String(repeating: "x", count: 129)
            try await sidecar.post(operation("b"), fields: [("Idempotency-Key", long)]).expectProblem(
                400, field: "Idempotency-Key", says: "must be")
            #expect(try await sidecar.store.books().accepted == 1)
        }
    }

    @Test("a body that was wrong leaves its key free for what is right")
    func wrongBody() async throws {
        try await Sidecar.run { sidecar in
            let key = [("Idempotency-Key", "k")]
            for wrong in ["{", operation("a", #","payload":5"#), operation("a", #","payload":{},"priority":101"#), "[\(operation(""))]"] {
                #expect(try await sidecar.post(wrong, fields: key).status == 400, "\(wrong)")
            }
            #expect(try await sidecar.post(operation("a"), fields: key).status == 202)
            // Once something was done under it, it is taken, whatever comes.
            for other in ["{", operation("b")] { try await sidecar.post(other, fields: key).expectProblem(422) }
            #expect(try await sidecar.post(operation("a"), fields: key).json["outcome"] == "duplicate")
            #expect(try await sidecar.store.books().accepted == 1)
        }
    }

    @Test("lines that have changed under a key that was used are operations of their own, and those that have not add nothing")
    func changedLines() async throws {
        try await Sidecar.run { sidecar in
            func outcomes(_ rooms: [String]) async throws -> [String?] {
                let lines = rooms.map { operation($0) }.joined(separator: "\n")
                let answer = try await sidecar.post(lines, type: "application/x-ndjson", fields: [("Idempotency-Key", "k")])
                return answer.json["receipts"]?.elements?.map { $0["outcome"]?.string } ?? []
            }
            let first = try await outcomes(["a", "b"])
            #expect(first == ["accepted", "accepted"])
            #expect(try await outcomes(["a", "c", "d"]) == ["duplicate", "accepted", "accepted"])
            #expect(try await sidecar.stored.map(\.entity.id) == ["a", "b", "c", "d"])
        }
    }

    @Test("after a restart the same body under its key still adds nothing, and another one is never taken for it")
    func restarted() async throws {
        let store = MemoryStore()
        for (room, outcome) in [("a", "accepted"), ("a", "duplicate"), ("b", "accepted")] {
            for brackets in [("", ""), ("[", "]")] {
                try await Sidecar.run(store: store) { sidecar in
                    let key = [("Idempotency-Key", brackets.0.isEmpty ? "one" : "many")]
                    let answer = try await sidecar.post(brackets.0 + operation(room) + brackets.1, fields: key)
                    let receipt = answer.json["receipts"]?.elements?.first ?? answer.json
                    #expect(receipt["outcome"]?.string == outcome, "\(answer.body)")
                }
            }
        }
        #expect(try await store.books().accepted == 4)
    }

    @Test("a condition may name several tags, weak ones, and any; only a strong one guards a change")
    func conditions() async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept(operation("a", id: "a"))
            for path in ["/v1/operations/a", "/openapi.json"] {
                let tag = try #require(try await sidecar.get(path).headers["etag"].first)
                for named in ["*", "W/" + tag, #""x,", "# + tag, tag + #",W/"y""#] {
                    #expect(try await sidecar.send(.GET, path, fields: [("If-None-Match", named)]).status == 304, "\(named)")
                }
                for named in [#""x""#, #"W/"x", "y""#, "x", String(tag.dropFirst())] {
                    #expect(try await sidecar.send(.GET, path, fields: [("If-None-Match", named)]).status == 200, "\(named)")
                }
            }
            let tag = try #require(try await sidecar.get("/v1/operations/a").headers["etag"].first)
            for named in ["W/" + tag, #""x""#, "x"] {
                try await sidecar.send(.DELETE, "/v1/operations/a", fields: [("If-Match", named)]).expectProblem(412)
            }
            try await sidecar.send(.DELETE, "/v1/operations/none", fields: [("If-Match", "*")]).expectProblem(404)
            #expect(try await sidecar.send(.DELETE, "/v1/operations/a", fields: [("If-Match", #""x", "# + tag)]).status == 200)
        }
    }

    @Test("an operation's ETag spares its body as long as it is the same, and guards a retry and a cancel")
    func operationTag() async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept(operation("a", id: "a"))
            let tag = try #require(try await sidecar.get("/v1/operations/a").headers["etag"].first)
            #expect(try await sidecar.send(.GET, "/v1/operations/a", fields: [("If-None-Match", tag)]).status == 304)
            sidecar.clock.advance(byMilliseconds: 5)
            try await sidecar.settleHeads(.failed(LastError(class: .permanent, code: "HTTP_403", httpStatus: 403, message: "no")))
            #expect(try await sidecar.send(.GET, "/v1/operations/a", fields: [("If-None-Match", tag)]).status == 200)
            try await sidecar.send(.POST, "/v1/operations/a/retry", fields: [("If-Match", tag)]).expectProblem(412)
            try await sidecar.send(.DELETE, "/v1/operations/a", fields: [("If-Match", tag)]).expectProblem(412)
            let now = try #require(try await sidecar.get("/v1/operations/a").headers["etag"].first)
            #expect(try await sidecar.send(.DELETE, "/v1/operations/a", fields: [("If-Match", now)]).status == 200)
        }
    }
}
