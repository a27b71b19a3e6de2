import Foundation
import GuardianBackend
import GuardianCore
import GuardianHTTP
import GuardianSQLite
import GuardianTesting
import Testing

/// A house built while offline, under ids of the device's own, at an upstream that gives its own.
@Suite(.serialized) struct LocalIDTests {
    /// The app's operations: a room, three devices in it, updates of them, and one taken away again.
    private static var house: [NewOperation] {
        func device(_ n: Int, _ type: String, _ payload: String?) -> NewOperation {
            NewOperation(type, entityType: "device", entityID: "local-device-\(n)", payload: payload)
        }
        var operations = [NewOperation("create", entityType: "room", entityID: "local-room", payload: #"{"name":"kitchen"}"#)]
        for n in 1...3 { operations.append(device(n, "create", #"{"name":"d\#(n)","room_id":"local-room"}"#)) }
        for n in 1...3 { operations.append(device(n, "update", #"{"name":"d\#(n)","room_id":"local-room","on":true}"#)) }
        operations.append(device(3, "delete", nil))
        return operations
    }

    private static func device(_ url: String, path: String? = nil) throws -> Device {
        try Device(url: url, path: path) { configuration in
            configuration.processor.assignsIDs = ["room", "device"]
            configuration.references = References(["device": ["room_id": "room"]])
        }
    }

    /// Two devices in one room, all under the upstream's ids.
    private func expectHouse(_ upstream: ReferenceUpstream, _ url: String) async throws {
        let effects = upstream.effects
        #expect(effects.count == 8, "\(effects.map { $0.method + " " + $0.path })")
        #expect(upstream.duplicateEffects == 0)
        #expect(!effects.contains { $0.entity.contains("local-") }, "a local id reached the upstream")
        let room = try #require(effects.first { $0.entity.hasPrefix("/api/v1/rooms/") }).entity
        let id = try #require(room.split(separator: "/").last).description
        let devices = Set(effects.map(\.entity).filter { $0.hasPrefix("/api/v1/devices/") })
        #expect(devices.count == 3)
        var there = 0
        for path in devices {
            guard let device = try await fetch(url, path) else { continue }
            there += 1
            #expect(device["room_id"]?.string == id && device["on"] == true)
        }
        #expect(there == 2)
    }

    @Test("the upstream ends in exactly that state with its own ids, in one pass", .timeLimit(.minutes(1)))
    func onePass() async throws {
        try await withUpstream(.init(assignsIDs: true)) { upstream, url in
            let device = try Self.device(url)
            try await device.engine.enqueue(Self.house)
            try await device.deliver { try await device.expectSettled(within: 30) }
            try await expectHouse(upstream, url)
            let retries = device.sink.events.filter { if case .retryScheduled = $0 { true } else { false } }
            #expect(retries.isEmpty, "\(retries)")
            await device.close()
        }
    }

    @Test("also when the engine is cut off after each single settle", .timeLimit(.minutes(2)), arguments: 1...8)
    func cutOff(after count: Int) async throws {
        try await withUpstream(.init(assignsIDs: true)) { upstream, url in
            let first = try Self.device(url)
            try await first.engine.enqueue(Self.house)
            let running = Task { try await first.engine.run() }
            _ = await first.sink.wait(for: count) { if case .processed = $0 { true } else { false } }
            running.cancel()
            _ = await running.result
            await first.transport.shutdown()
            do { try first.store.close() } catch {}
            let second = try Self.device(url, path: first.path)
            try await second.deliver { try await second.expectSettled(within: 30) }
            try await expectHouse(upstream, url)
            let check = try await second.store.check()
            #expect(check.gap == 0 && check.problems == [])
            await second.close()
        }
    }
}
