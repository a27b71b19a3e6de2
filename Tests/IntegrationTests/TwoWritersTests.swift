import Foundation
import GuardianBackend
import GuardianCore
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

    /// What one writer has done: the state it sees of each room, and its own last values.
    private struct Writer {
        var states: [Int: [String: Int64]] = [:]
        var edits = 0
    }

    private static func object(_ state: [String: Int64]) -> JSONValue {
        .object(state.sorted { $0.key < $1.key }.map { .init($0.key, JSONValue($0.value)) })
    }

    /// Fields of its own (`a0`…`a3`, or `b0`…), and one that both write.
    private static func edit(_ device: Device, _ mark: String, from start: [String: Int64], seed: UInt64) async throws -> Writer {
        var random = Xoshiro256(seed: seed)
        var writer = Writer()
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            let room = Int.random(in: 0..<rooms, using: &random)
            let before = writer.states[room] ?? start
            var after = before
            let field = random.unit() < 0.2 ? "shared" : mark + String(Int.random(in: 0..<4, using: &random))
            writer.edits += 1
            after[field] = Int64(writer.edits) * 2 + (mark == "a" ? 0 : 1)
            writer.states[room] = after
            try await device.engine.enqueue(
                NewOperation(
                    "update", entityType: "room", entityID: "r\(room)", payload: object(after).text, base: object(before).text))
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

    @Test("no acknowledged edit to a field that nobody else touched is lost, and nothing waits for a person")
    func converge() async throws {
        print("two writers: GUARDIAN_SEED=\(Self.seed)")
        var start: [String: Int64] = ["shared": 0]
        for mark in ["a", "b"] { for n in 0..<4 { start[mark + String(n)] = 0 } }
        let (initial, seed) = (start, Self.seed)
        try await withUpstream { upstream, url in
            let (one, two) = (try Self.device(url), try Self.device(url))
            for room in 0..<Self.rooms {
                let etag = try await put(url, "/api/v1/rooms/r\(room)", Self.object(initial)).etag
                #expect(etag != nil)
                // Both have seen it: what they edit is this version.
                for device in [one, two] {
                    let entity = EntityKey(type: "room", id: "r\(room)")
                    _ = try await device.engine.optimistic.remote(entity, state: Self.object(initial).text, etag: etag)
                }
            }
            upstream.setMode(.drop(share: 0.2))
            let (a, b) = try await one.deliver {
                try await two.deliver {
                    async let first = Self.edit(one, "a", from: initial, seed: seed)
                    async let second = Self.edit(two, "b", from: initial, seed: seed + 1)
                    let (a, b) = (try await first, try await second)
                    try await one.expectSettled()
                    try await two.expectSettled()
                    return (a, b)
                }
            }
            upstream.setMode(.up)
            var lost = 0
            for room in 0..<Self.rooms {
                let there = try await fetch(url, "/api/v1/rooms/r\(room)")
                for (mark, writer) in [("a", a), ("b", b)] {
                    guard let mine = writer.states[room] else { continue }
                    for n in 0..<4 where there?[mark + String(n)]?.integer != mine[mark + String(n)] { lost += 1 }
                }
                let shared = there?["shared"]?.integer
                let written = [a.states[room]?["shared"], b.states[room]?["shared"], 0]
                #expect(written.contains(shared), "room \(room): nobody's last word is \(String(describing: shared))")
            }
            let failed = try await one.store.books().failed + two.store.books().failed
            let resolved = (one.sink.events + two.sink.events).count { if case .conflictResolved = $0 { true } else { false } }
            print(
                "measured: \(a.edits + b.edits) edits of \(Self.rooms) rooms, \(resolved) conflicts settled, lost \(lost), failed \(failed)"
            )
            #expect(lost == 0)
            #expect(failed == 0)
            #expect(resolved > 0)
            #expect(upstream.duplicateEffects == 0)
            await one.close()
            await two.close()
        }
    }
}
