import Foundation
import GuardianBackend
import GuardianCore
import GuardianHTTP
import GuardianSQLite
import GuardianTesting
import Testing

/// The five stories that every user will live through, over real files and sockets.
@Suite(.serialized) struct ScenarioTests {
    private func rooms(_ count: Int, over entities: Int) -> [NewOperation] {
        (0..<count).map {
            NewOperation("update", entityType: "room", entityID: "r\($0 % entities)", payload: #"{"seq":\#($0)}"#, id: "op-\($0)")
        }
    }

    /// Every operation once, those of each room in their order.
    private func expectAll(_ count: Int, at upstream: ReferenceUpstream) {
        let effects = upstream.effects.filter { $0.payloadSeq != nil }
        #expect(effects.count == count)
        #expect(upstream.duplicateEffects == 0)
        for (entity, own) in Dictionary(grouping: effects, by: \.entity) {
            let numbers = own.compactMap(\.payloadSeq)
            #expect(numbers == numbers.sorted(), "out of order at \(entity)")
        }
    }

    @Test("offline, then online: what was written in between is delivered once, in order", .timeLimit(.minutes(1)))
    func offlineThenOnline() async throws {
        try await withUpstream { upstream, url in
            upstream.setMode(.dropBefore())
            let device = try Device(url: url)
            try await device.engine.enqueue(rooms(200, over: 20))
            try await device.deliver {
                _ = await device.sink.first { if case .breakerOpened = $0 { true } else { false } }
                let before = try await device.store.books().processed
                #expect(before == 0)
                upstream.setMode(.up)
                try await device.expectSettled(within: 30)
            }
            expectAll(200, at: upstream)
            let books = try await device.store.books()
            #expect(books.processed == 200 && books.failed == 0)
            await device.close()
        }
    }

    @Test("the network drops in the middle of requests: nothing is done twice", .timeLimit(.minutes(1)))
    func droppedMidRequest() async throws {
        try await withUpstream { upstream, url in
            upstream.setMode(.drop(share: 0.3))
            let device = try Device(url: url) { $0.processor.workers = 8 }
            try await device.engine.enqueue(rooms(200, over: 20))
            try await device.deliver { try await device.expectSettled(within: 30) }
            expectAll(200, at: upstream)
            let retries = device.sink.events.count { if case .retryScheduled = $0 { true } else { false } }
            #expect(retries > 20)
            #expect(try await device.store.books().failed == 0)
            await device.close()
        }
    }

    @Test("a storm of 5xx opens the breaker; one probe closes it, and all is delivered", .timeLimit(.minutes(1)))
    func stormAndRecovery() async throws {
        try await withUpstream { upstream, url in
            upstream.setMode(.status(503, remaining: nil, retryAfter: nil, body: nil, contentType: nil))
            let device = try Device(url: url)
            try await device.engine.enqueue(rooms(100, over: 50))
            try await device.deliver {
                _ = await device.sink.first { if case .breakerOpened = $0 { true } else { false } }
                let before = upstream.requests().count
                _ = await device.sink.first { $0 == .breakerProbing }
                _ = await device.sink.wait(for: 2) { if case .breakerOpened = $0 { true } else { false } }
                // Between two openings there is exactly one request.
                #expect(upstream.requests().count <= before + 2)
                upstream.setMode(.up)
                _ = await device.sink.first { $0 == .breakerClosed }
                try await device.expectSettled(within: 30)
            }
            expectAll(100, at: upstream)
            #expect(try await device.store.books().failed == 0)
            await device.close()
        }
    }

    @Test("an engine that is cut off while it delivers loses nothing: the next one goes on from its file", .timeLimit(.minutes(1)))
    func cutOffAndRestarted() async throws {
        try await withUpstream(.init(latency: .milliseconds(20))) { upstream, url in
            let first = try Device(url: url)
            try await first.engine.enqueue(rooms(200, over: 20))
            let running = Task { try await first.engine.run() }
            _ = await first.sink.wait(for: 30) { if case .processed = $0 { true } else { false } }
            running.cancel()
            _ = await running.result
            await first.transport.shutdown()
            do { try first.store.close() } catch {}
            let second = try Device(url: url, path: first.path)
            try await second.deliver { try await second.expectSettled(within: 30) }
            expectAll(200, at: upstream)
            let check = try await second.store.check()
            #expect(check.gap == 0 && check.problems == [])
            await second.close()
        }
    }

    @Test("409 and 412 are reconciled: fetched, merged field by field, sent again under a new key", .timeLimit(.minutes(1)))
    func reconciled() async throws {
        try await withUpstream { upstream, url in
            let device = try Device(url: url) { $0.processor.conflicts = ConflictRules(standard: .merge(ThreeWayMerge())) }
            try await device.deliver {
                try await device.engine.enqueue(
                    NewOperation("create", entityType: "room", entityID: "r1", payload: #"{"id":"r1","name":"old","heat":18,"light":0}"#))
                try await device.expectSettled()
                #expect(try await put(url, "/api/v1/rooms/r1", ["id": "r1", "name": "old", "heat": 21, "light": 0]).status == 200)
                try await device.engine.enqueue(
                    NewOperation(
                        "update", entityType: "room", entityID: "r1", payload: #"{"id":"r1","name":"new","heat":18,"light":0}"#,
                        base: #"{"id":"r1","name":"old","heat":18,"light":0}"#))
                try await device.expectSettled()
            }
            let there = try #require(try await fetch(url, "/api/v1/rooms/r1"))
            #expect(there["name"] == "new" && there["heat"] == 21)
            let writes = upstream.requests().filter { $0.method == "PUT" && $0.status != nil }
            #expect(writes.compactMap(\.status) == [200, 412, 200])
            #expect(device.sink.events.contains { if case .conflictResolved(_, "merge", "sent_again") = $0 { true } else { false } })
            await device.close()
        }
    }

    @Test("without a policy a conflict keeps both sides for a person; what they choose is delivered", .timeLimit(.minutes(1)))
    func byHand() async throws {
        try await withUpstream { upstream, url in
            let device = try Device(url: url)
            #expect(try await put(url, "/api/v1/rooms/r1", ["id": "r1", "name": "theirs"]).status == 200)
            try await device.deliver {
                try await device.engine.enqueue(
                    NewOperation("create", entityType: "room", entityID: "r1", payload: #"{"id":"r1","name":"mine"}"#, id: "c1"))
                _ = await device.sink.first { if case .conflict = $0 { true } else { false } }
                let stored = try #require(try await device.store.operation(.text("c1")))
                #expect(stored.status == .failed)
                #expect(try JSONValue(parsing: stored.server?.state ?? "{}")["name"] == "theirs")
                var random = SystemRandomNumberGenerator()
                let revision = stored.revision(for: .local, newKey: .v4(using: &random))
                #expect(try await device.store.resolve(.text("c1"), revision, now: SystemClock().now.wall))
                device.engine.wake()
                try await device.expectSettled()
            }
            #expect(try await fetch(url, "/api/v1/rooms/r1")?["name"] == "mine")
            #expect(try await device.store.books().failed == 0)
            await device.close()
        }
    }
}
