import Foundation
import GuardianBackend
import GuardianCore
import GuardianHTTP
import GuardianSQLite
import GuardianTesting
import Testing

/// Two devices edit the same entities at once, through two engines, at an upstream that loses answers.
@Suite(.serialized) struct TwoWritersTests {
    static let environment = ProcessInfo.processInfo.environment
    /// `GUARDIAN_WRITERS_SECONDS=60` edits for a minute.
    static let seconds = Double(environment["GUARDIAN_WRITERS_SECONDS"] ?? "") ?? 6
    static let rooms = 200
    static let seed = UInt64(environment["GUARDIAN_SEED"] ?? "") ?? UInt64.random(in: 0..<1_000_000_000)

    /// What one writer has done: its own last value of each field of each room.
    private struct Writer {
        var last: [Int: [String: Int64]] = [:]
        var edits = 0
    }

    private static func object(_ state: [String: Int64]) -> JSONValue {
        .object(state.sorted { $0.key < $1.key }.map { .init($0.key, JSONValue($0.value)) })
    }

    private static func numbers(_ state: JSONValue?) -> [String: Int64]? {
        state?.members.map { members in Dictionary(members.map { ($0.name, $0.value.integer ?? -1) }) { $1 } }
    }

    private static func room(_ number: Int) -> EntityKey { EntityKey(type: "room", id: "r\(number)") }

    /// Edits what its user sees: fields of its own (`a0`…`a3`, or `b0`…), and one that both write.
    private static func edit(_ device: Device, _ mark: String, seed: UInt64) async throws -> Writer {
        var random = Xoshiro256(seed: seed)
        var writer = Writer()
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            // Half of the edits are of a few rooms, so that the two meet.
            let number = Int.random(in: 0..<(random.unit() < 0.5 ? 5 : rooms), using: &random)
            let before = try #require(numbers(try await device.engine.optimistic.overlay(of: room(number)).state))
            for (field, value) in writer.last[number, default: [:]] where field != "shared" {
                #expect(before[field] == value, "room \(number): the user's own \(field) went back to \(String(describing: before[field]))")
            }
            var after = before
            let field = random.unit() < 0.2 ? "shared" : mark + String(Int.random(in: 0..<4, using: &random))
            writer.edits += 1
            after[field] = Int64(writer.edits) * 2 + (mark == "a" ? 0 : 1)
            writer.last[number, default: [:]][field] = after[field]
            try await device.engine.enqueue(
                NewOperation(
                    "update", entityType: "room", entityID: room(number).id, payload: object(after).text, base: object(before).text))
            try await Task.sleep(for: .milliseconds(10))
        }
        return writer
    }

    private static func device(_ url: String) throws -> Device {
        try Device(url: url) { configuration in
            configuration.processor.workers = 8
            configuration.processor.conflicts = ConflictRules(standard: .merge(ThreeWayMerge()))
        }
    }

    /// Delivers and follows the upstream's changes while `body` runs.
    private static func live<Value: Sendable>(
        _ device: Device, _ url: String, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        var configuration = RealtimeConfiguration(http: .init(url: url, deviceID: UUID().uuidString.lowercased()))
        configuration.schedule.baseMs = 20
        configuration.schedule.maxMs = 200
        configuration.schedule.failuresBeforePolling = .max
        let feed = try RealtimeClient(configuration: configuration)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                do {
                    try await device.engine.optimistic.follow(
                        feed, entity: { RouteTable().entity(at: $0.path, types: ["room"]) },
                        reread: { reset in
                            Issue.record("the feed was reset: \(reset)")
                            return []
                        })
                } catch is CancellationError {}
                return nil
            }
            let value = try await device.deliver(body)
            group.cancelAll()
            return value
        }
    }

    /// Whether a device shows every room as the upstream has it.
    private static func shows(_ device: Device, _ there: [[String: Int64]?]) async throws -> [Int] {
        var wrong: [Int] = []
        for (number, state) in there.enumerated() {
            let overlay = try await device.engine.optimistic.overlay(of: room(number))
            if numbers(overlay.state) != state || overlay.isPending { wrong.append(number) }
        }
        return wrong
    }

    @Test("both engines and the upstream end in one state; no acknowledged edit to a field that nobody else touched is lost")
    func converge() async throws {
        print("two writers: GUARDIAN_SEED=\(Self.seed)")
        var start: [String: Int64] = ["shared": 0]
        for mark in ["a", "b"] { for n in 0..<4 { start[mark + String(n)] = 0 } }
        let (initial, seed) = (start, Self.seed)
        try await withUpstream { upstream, url in
            let (one, two) = (try Self.device(url), try Self.device(url))
            for number in 0..<Self.rooms {
                let etag = try await put(url, "/api/v1/rooms/r\(number)", Self.object(initial)).etag
                #expect(etag != nil)
                // Both have seen it: what they edit is this version.
                for device in [one, two] {
                    _ = try await device.engine.optimistic.remote(Self.room(number), state: Self.object(initial).text, etag: etag)
                }
            }
            upstream.setMode(.drop(share: 0.2))
            let (a, b, there) = try await Self.live(one, url) {
                try await Self.live(two, url) {
                    async let first = Self.edit(one, "a", seed: seed)
                    async let second = Self.edit(two, "b", seed: seed + 1)
                    let (a, b) = (try await first, try await second)
                    try await one.expectSettled()
                    try await two.expectSettled()
                    upstream.setMode(.up)
                    var there: [[String: Int64]?] = []
                    for number in 0..<Self.rooms { there.append(Self.numbers(try await fetch(url, "/api/v1/rooms/r\(number)"))) }
                    let end = ContinuousClock.now + .seconds(20)
                    while ContinuousClock.now < end {
                        if try await Self.shows(one, there).isEmpty, try await Self.shows(two, there).isEmpty { break }
                        try await Task.sleep(for: .milliseconds(50))
                    }
                    return (a, b, there)
                }
            }
            for (name, device) in [("one", one), ("two", two)] {
                let wrong = try await Self.shows(device, there)
                #expect(wrong.isEmpty, "\(name) shows these rooms otherwise than the upstream has them: \(wrong)")
            }
            try await expect(a, b, at: there, one, two)
            #expect(upstream.duplicateEffects == 0)
            await one.close()
            await two.close()
        }
    }

    /// Every own edit is there, and of the shared field the last word of one of the two.
    private func expect(_ a: Writer, _ b: Writer, at there: [[String: Int64]?], _ one: Device, _ two: Device) async throws {
        var lost = 0
        for (number, state) in there.enumerated() {
            for writer in [a, b] {
                for (field, value) in writer.last[number, default: [:]] where field != "shared" && state?[field] != value { lost += 1 }
            }
            let written = [a.last[number]?["shared"], b.last[number]?["shared"], 0]
            #expect(written.contains(state?["shared"]), "room \(number): nobody's last word is \(String(describing: state?["shared"]))")
        }
        let failed = try await one.store.books().failed + two.store.books().failed
        let events = one.sink.events + two.sink.events
        let resolved = events.count { if case .conflictResolved = $0 { true } else { false } }
        let told = events.count { if case .remoteChanged = $0 { true } else { false } }
        print(
            "measured: \(a.edits + b.edits) edits of \(Self.rooms) rooms, \(resolved) conflicts settled, \(told) changes told, lost \(lost),"
                + " failed \(failed), both show all rooms as the upstream has them")
        #expect(lost == 0)
        #expect(failed == 0)
        #expect(resolved > 0)
        #expect(told > 0)
    }
}
