import GuardianBackend
import NIOHTTP1
import Testing

@Suite("Modes")
struct ModeTests {
    struct Stranger: Sendable, CustomTestStringConvertible {
        var kind: String
        var status: Int
        var type: String
        var field: (name: String, value: String)?
        var testDescription: String { kind }
    }

    @Test(
        "a stranger answers in its own words, without effect, as often as told",
        arguments: [
            Stranger(kind: "html", status: 200, type: "text/html"),
            Stranger(kind: "redirect", status: 302, type: "text/html", field: ("location", "http://127.0.0.1:1/login")),
            Stranger(kind: "511", status: 511, type: "text/html"),
            Stranger(kind: "proxy_json", status: 200, type: "application/json", field: ("via", "1.1 edge-7")),
            Stranger(kind: "proxy_error", status: 502, type: "text/html"),
        ])
    func portal(stranger: Stranger) async throws {
        try await RunningUpstream.run { upstream in
            try await upstream.setMode(#"{"mode":"portal","kind":"\#(stranger.kind)","count":2}"#)
            for answer in [try await upstream.put("r1", key: "k1"), try await upstream.send(.GET, "/api/v1/rooms/r1")] {
                #expect(answer.status == stranger.status)
                #expect(answer.headers.first(name: "content-type")?.hasPrefix(stranger.type) == true)
                if let field = stranger.field { #expect(answer.headers[field.name] == [field.value]) }
                #expect(answer.headers["trace-id"].isEmpty && answer.json["meta"] == nil)
            }
            #expect(upstream.upstream.effects.isEmpty)
            #expect(try await upstream.put("r1", key: "k1").status == 200)
        }
    }

    @Test("a redirect leads where it is told")
    func location() async throws {
        try await RunningUpstream.run { upstream in
            try await upstream.setMode(#"{"mode":"portal","kind":"redirect","location":"http://127.0.0.2/x"}"#)
            #expect(try await upstream.put("r1", key: "k1").headers["location"] == ["http://127.0.0.2/x"])
        }
    }

    @Test("a proxy's JSON is exactly this")
    func proxyJSON() async throws {
        try await RunningUpstream.run { upstream in
            upstream.upstream.setMode(.portal(.proxyJSON))
            let answer = try await upstream.put("r1", key: "k1")
            #expect(answer.body == #"{"status":"ok","proxy":"edge-7"}"#)
        }
    }

    @Test("a gateway refuses its share, the same one for the same seed")
    func gateway() async throws {
        var runs: [[Int]] = []
        for _ in 0..<2 {
            try await RunningUpstream.run(.init(port: 0, seed: 7)) { upstream in
                try await upstream.setMode(#"{"mode":"gateway","status":403,"share":0.5}"#)
                var statuses: [Int] = []
                for n in 0..<20 { statuses.append(try await upstream.put("r\(n)", key: "k\(n)").status) }
                #expect(upstream.upstream.effects.count == statuses.count { $0 == 200 })
                runs.append(statuses)
            }
        }
        #expect(runs[0] == runs[1])
        #expect(Set(runs[0]) == [200, 403])
    }

    @Test("a gateway that refuses all refuses reads too, and ends after its count")
    func closedGateway() async throws {
        try await RunningUpstream.run { upstream in
            try await upstream.setMode(#"{"mode":"gateway","status":405,"count":2}"#)
            #expect(try await upstream.send(.GET, "/api/v1/rooms/r1").status == 405)
            let answer = try await upstream.put("r1", key: "k1")
            #expect(answer.status == 405 && answer.json["error"]?["code"]?.text == "GATEWAY")
            #expect(try await upstream.put("r1", key: "k1").status == 200)
        }
    }

    @Test("a dropped answer leaves its effect and no whole answer, a request dropped before leaves none", arguments: [false, true])
    func drop(before: Bool) async throws {
        try await RunningUpstream.run { upstream in
            try await upstream.setMode(#"{"mode":"\#(before ? "drop_before" : "drop")","count":2}"#)
            await upstream.expectNoAnswer("the first") { try await upstream.put("r1", key: "k1") }
            #expect(upstream.upstream.effects.map(\.idempotencyKey) == (before ? [] : ["k1"]))
            await upstream.expectNoAnswer("the second") { try await upstream.put("r2", key: "k2") }
            let answer = try await upstream.put("r1", key: "k1")
            #expect(answer.status == 200)
            #expect(answer.headers["idempotent-replayed"] == (before ? [] : ["true"]))
            #expect(upstream.upstream.effects.map(\.idempotencyKey) == (before ? ["k1"] : ["k1", "k2"]))
            #expect(upstream.upstream.requests().map(\.status) == [0, 0, 200])
        }
    }

    @Test("a share of answers is dropped, each effect is there once")
    func dropShare() async throws {
        try await RunningUpstream.run { upstream in
            try await upstream.setMode(#"{"mode":"drop","share":0.5}"#)
            var lost = 0
            for n in 0..<20 {
                do { _ = try await upstream.put("r\(n)", key: "k\(n)") } catch { lost += 1 }
            }
            #expect((1..<20).contains(lost))
            #expect(upstream.upstream.effects.map(\.idempotencyKey) == (0..<20).map { "k\($0)" })
        }
    }

    @Test("above the rate it answers 429 without effect, whoever set it", arguments: ["flag", "mode"])
    func rate(setBy: String) async throws {
        try await RunningUpstream.run(.init(port: 0, rate: setBy == "flag" ? 3 : nil)) { upstream in
            if setBy == "mode" { try await upstream.setMode(#"{"mode":"rate","per_second":3}"#) }
            let start = ContinuousClock.now
            var answers: [RunningUpstream.Answer] = []
            for n in 0..<20 { answers.append(try await upstream.put("r\(n)", key: "k\(n)")) }
            let accepted = answers.count { $0.status == 200 }
            // What the bucket held, and what ran into it since.
            #expect((3...3 + Int(3 * ((ContinuousClock.now - start) / .seconds(1))) + 1).contains(accepted))
            #expect(answers.prefix(3).allSatisfy { $0.status == 200 })
            let refused = answers.filter { $0.status != 200 }
            #expect(refused.allSatisfy { $0.status == 429 && $0.headers["retry-after"] == ["1"] })
            #expect(upstream.upstream.effects.count == accepted)
            #expect(try await upstream.summary("rejected") == 20 - accepted)
            try await upstream.setMode(#"{"mode":"up"}"#)
            for n in 0..<20 { #expect(try await upstream.put("r\(n)", key: "k\(n)").status == 200) }
        }
    }

    @Test("poisoned entities are refused, by their path or by the id in a create; the rest works")
    func poison() async throws {
        try await RunningUpstream.run { upstream in
            try await upstream.setMode(#"{"mode":"poison","entities":["/api/v1/rooms/r7","/api/v1/users/u%201"],"status":422}"#)
            let sent: [(HTTPMethod, String, String?, Int)] = [
                (.PUT, "/api/v1/rooms/r7", "{}", 422), (.DELETE, "/api/v1/rooms/r7", nil, 422), (.GET, "/api/v1/rooms/r7", nil, 422),
                (.POST, "/api/v1/rooms", #"{"id":"r7"}"#, 422), (.POST, "/api/v1/users", #"{"meta":{},"payload":{"id":"u 1"}}"#, 422),
                (.PUT, "/api/v1/rooms/r8", "{}", 200), (.POST, "/api/v1/rooms", #"{"id":"r9"}"#, 201), (.POST, "/api/v1/rooms", "{}", 201),
            ]
            for (method, path, body, status) in sent {
                #expect(try await upstream.send(method, path, body: body).status == status, "\(method) \(path) \(body ?? "")")
            }
            #expect(upstream.upstream.effects.count == 3)
        }
    }

    @Test(
        "every answer of its own tells the trace it was sent",
        arguments: [
            (#"{"mode":"up"}"#, 200), (#"{"mode":"status","status":503}"#, 503), (#"{"mode":"gateway","status":403}"#, 403),
            (#"{"mode":"rate","per_second":0.001}"#, 429), (#"{"mode":"poison","entities":["/api/v1/rooms/r1"]}"#, 422),
        ])
    func trace(mode: String, status: Int) async throws {
        try await RunningUpstream.run { upstream in
            try await upstream.setMode(mode)
            if status == 429 { _ = try await upstream.put("r0", key: "k0") }
            for trace in ["t-1", #"t \"2\" x"#] {
                let body = #"{"meta":{"trace_id":"\#(trace)"},"payload":{}}"#
                let said = JSON(body)["meta"]?["trace_id"]?.text ?? ""
                // With the header, and by the envelope alone; the second is a replay where the first was applied.
                for fields in [[("Idempotency-Key", "k1" + said), ("Trace-Id", said)], [("Idempotency-Key", "k1" + said)]] {
                    let answer = try await upstream.send(.PUT, "/api/v1/rooms/r1", body: body, fields: fields)
                    #expect(answer.status == status)
                    #expect(answer.headers["trace-id"] == [said])
                    #expect(answer.json["meta"]?["trace_id"]?.text == said, "\(answer.body)")
                }
            }
            let missing = try await upstream.send(.GET, "/api/v1/rooms/r9", fields: [("Trace-Id", "t-3")])
            if missing.status == 404 { #expect(missing.json["meta"]?["trace_id"]?.text == "t-3") }
        }
    }

    @Test("a replay tells the trace of the request it answers")
    func replayTrace() async throws {
        try await RunningUpstream.run { upstream in
            for trace in ["t-1", "t-2"] {
                let answer = try await upstream.send(
                    .PUT, "/api/v1/rooms/r1", body: "{}", fields: [("Idempotency-Key", "k1"), ("Trace-Id", trace)])
                #expect(answer.json["meta"]?["trace_id"]?.text == trace)
            }
            #expect(upstream.upstream.effects.map(\.traceID) == ["t-1"])
        }
    }

    @Test(
        "a mode that makes no sense is refused by the field that is wrong",
        arguments: [
            ("[]", "body"), ("{", "body"), ("{}", "mode"), (#"{"mode":"down"}"#, "mode"), (#"{"mode":1}"#, "mode"),
            (#"{"mode":"status"}"#, "status"), (#"{"mode":"status","status":99}"#, "status"), (#"{"mode":"portal"}"#, "kind"),
            (#"{"mode":"portal","kind":"html","count":0}"#, "count"), (#"{"mode":"gateway","share":1.5}"#, "share"),
            (#"{"mode":"drop","shares":1}"#, "shares"), (#"{"mode":"rate"}"#, "per_second"),
            (#"{"mode":"rate","per_second":0}"#, "per_second"),
            (#"{"mode":"poison","entities":[]}"#, "entities"), (#"{"mode":"poison","entities":"/x"}"#, "entities"),
            (#"{"idempotency_window_seconds":-1}"#, "idempotency_window_seconds"),
        ])
    func badMode(json: String, field: String) async throws {
        try await RunningUpstream.run { upstream in
            let answer = try await upstream.send(.PUT, "/_mode", body: json)
            #expect(answer.status == 400)
            #expect(answer.json["error"]?["message"]?.text?.hasPrefix(field + ": ") == true, "\(answer.body)")
            #expect(try await upstream.put("r1", key: "k1").status == 200)
        }
    }
}
