import GuardianBackend
import GuardianCore
import GuardianHTTP
import GuardianSQLite
import GuardianTesting
import Testing

/// A route that waits by itself (`hold: route`), over real files and sockets.
@Suite(.serialized) struct RouteHoldTests {
    private static let rooms = Route(operation: "update", entity: "room", method: "PUT", path: "/api/v1/rooms/{id}", hold: .route)

    private static func update(_ type: String, _ entity: String, _ id: String, seq: Int = 1) -> NewOperation {
        NewOperation("update", entityType: type, entityID: entity, payload: #"{"seq":\#(seq)}"#, id: id)
    }

    @Test("the route that the upstream asks to wait waits alone, as long as asked; what waits was never sent", .timeLimit(.minutes(1)))
    func waitsAlone() async throws {
        try await withUpstream { upstream, url in
            let device = try Device(url: url, routes: [Self.rooms])
            upstream.setMode(.status(429, remaining: 1, retryAfter: "5", body: nil, contentType: nil))
            try await device.deliver {
                try await device.engine.enqueue(Self.update("room", "r0", "first"))
                let told = try #require(await device.sink.first { if case .routeHeld = $0 { true } else { false } })
                guard case .routeHeld("update room", let holdMs) = told.event else {
                    Issue.record("\(told.event)")
                    return
                }
                #expect((5000...10_000).contains(holdMs))

                try await device.engine.enqueue([
                    Self.update("room", "r1", "second", seq: 1), Self.update("room", "r1", "third", seq: 2),
                    Self.update("room", "r2", "unwanted"), Self.update("lamp", "l1", "lamp"),
                ])
                let lit = try #require(await device.sink.first { if case .processed(.text("lamp"), _, _) = $0 { true } else { false } })
                #expect(lit.at < told.at.adding(milliseconds: holdMs))
                let waiting = try await device.engine.explain(.text("second"))
                #expect(waiting.reason == .backoff)
                #expect(waiting.detail.contains("asked the route of (update, room) to wait"), "\(waiting.detail)")
                let cancelled = try await device.engine.cancel(.text("unwanted"))
                #expect(cancelled == .neverSent)

                try await device.expectSettled(within: 30)
                let sent = try #require(await device.sink.first { if case .claimed(.text("second"), _) = $0 { true } else { false } })
                // The wall clock may be corrected by a little meanwhile.
                #expect(sent.at >= told.at.adding(milliseconds: holdMs - 50))
            }
            let requests = upstream.requests()
            #expect(requests.prefix(2).map(\.path) == ["/api/v1/rooms/r0", "/api/v1/lamps/l1"])
            #expect(requests.count == 5 && !requests.contains { $0.path.hasSuffix("/r2") })
            #expect(upstream.effects.filter { $0.entity.hasSuffix("/r1") }.compactMap(\.payloadSeq) == [1, 2])
            #expect(upstream.duplicateEffects == 0)
            let retries = device.sink.events.compactMap { event -> OperationID? in
                guard case .retryScheduled(let id, _, _, _) = event else { return nil }
                return id
            }
            #expect(retries == [.text("first")])
            let check = try await device.store.check()
            #expect(check.gap == 0 && check.problems == [])
            await device.close()
        }
    }

    @Test(
        "a Retry-After that makes no sense holds no route", .timeLimit(.minutes(1)),
        arguments: ["soon", "-5", "Sun, 06 Nov 1994 08:49:37 GMT"])
    func badValue(value: String) async throws {
        try await withUpstream { upstream, url in
            let device = try Device(url: url, routes: [Self.rooms])
            upstream.setMode(.status(503, remaining: 1, retryAfter: value, body: nil, contentType: nil))
            try await device.deliver {
                try await device.engine.enqueue(Self.update("room", "r0", "first"))
                try await device.expectSettled()
            }
            #expect(upstream.requests().count == 2)
            #expect(device.sink.count { $0.name == "route_held" || $0.name == "origin_held" } == 0)
            await device.close()
        }
    }
}
