import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    @Suite struct PrincipalTests {
        @Test("A writes offline, B signs in, A returns: not one of A's requests carries B's token, and all of A's arrive in order")
        func neverMixes() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let (token, principal) = (workplace.path + "/token", workplace.path + "/principal")
            func signIn(_ name: String) throws {
                try "token-\(name)".write(toFile: token, atomically: true, encoding: .utf8)
                try name.write(toFile: principal, atomically: true, encoding: .utf8)
            }
            try signIn("bob")
            let environment = Workplace.quick.merging([
                "GUARDIAN_UPSTREAM_AUTH_KIND": "bearer_file", "GUARDIAN_UPSTREAM_AUTH_FILE": token,
                "GUARDIAN_UPSTREAM_AUTH_PRINCIPAL_FILE": principal,
            ]) { $1 }
            let serve = try await Guardian.start(workplace.arguments(upstream: backend.url), environment: environment)
            defer { serve.kill() }
            for number in 1...50 {
                for name in ["anna", "bob"] {
                    let body = """
                        {"operation_type":"update","entity_type":"room","entity_id":"\(name)","principal":"\(name)","payload":{"seq":\(number)}}
                        """
                    #expect(try await Web.post(serve.url, body) == 202)
                }
            }
            try await Web.wait("bob's 50") { try await Web.processed(serve.url) == 50 }
            let parked = try await workplace.run("explain", "--json")
            #expect(parked.json["reasons"]?["principal"]?.integer == 1, "\(parked.output)\(parked.errors)")
            try signIn("anna")
            try await Web.wait("all 100") { try await Web.processed(serve.url) == 100 }
            let requests = try #require(try await Web.get(backend.url, "/_requests?limit=10000").json["requests"]?.elements)
            for request in requests {
                let name = request["path"]?.string?.split(separator: "/").last.map(String.init) ?? ""
                #expect(request["headers"]?["authorization"]?.string == "Bearer token-\(name)")
            }
            #expect(try await Web.effects(backend.url).filter { $0.entity.hasSuffix("anna") }.map(\.seq) == Array(1...50))
            #expect(serve.terminate() == 0)
            print("measured: \(requests.count) requests, none with another's token")
        }
    }

    @Suite(.serialized) struct PortalTests {
        @Test(
            "a stranger's answer settles nothing and uses no attempt up; all is delivered when it has gone",
            arguments: ["html", "redirect", "511", "proxy_json"])
        func portal(kind: String) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            #expect(try await Web.send("PUT", backend.url, "/_mode", body: #"{"mode":"portal","kind":"\#(kind)"}"#).status == 200)
            let serve = try await workplace.serve(upstream: backend.url)
            defer { serve.kill() }
            for number in 1...20 {
                let body = #"{"operation_type":"update","entity_type":"room","entity_id":"\#(number)","payload":{"seq":1}}"#
                #expect(try await Web.post(serve.url, body) == 202)
            }
            try await Web.wait("ten requests") {
                try await Web.get(backend.url, "/_requests?limit=10000").json["requests"]?.elements?.count ?? 0 >= 10
            }
            let books = try await Web.get(serve.url, "/v1/status").json["books"]
            #expect(books?["processed"]?.integer == 0 && books?["failed"]?.integer == 0)
            let waiting = try #require(try await Web.get(serve.url, "/v1/operations?limit=1000").json["operations"]?.elements)
            #expect(waiting.count == 20 && waiting.allSatisfy { $0["attempt_count"]?.integer == 0 })
            try await Web.setMode(backend.url, status: nil)
            try await Web.wait("20 processed") { try await Web.processed(serve.url) == 20 }
            #expect(try await Web.effects(backend.url).count == 20)
            #expect(serve.terminate() == 0)
            print("measured: portal \(kind): settled 0, attempts 0, then 20 delivered")
        }
    }
}
