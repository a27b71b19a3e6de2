import Foundation
import GRDB
import GuardianBackend
import GuardianCore
import GuardianSQLite
import Testing

extension ProcessTests {
    /// An app with the library inside, killed with SIGKILL.
    @Suite(.serialized) struct AppKillTests {
        /// `GUARDIAN_APP_KILLS=200` for the full size.
        static let rounds = Int(ProcessInfo.processInfo.environment["GUARDIAN_APP_KILLS"] ?? "") ?? 20
        static let points = ["between", "inside", "after", "never"]

        @Test("killed between the app's write and its enqueue, in one shared transaction: never one without the other")
        func together() async throws {
            let directory = Self.directory()
            defer { Self.remove(directory) }
            var random = Xoshiro256(seed: seed(for: "app kills"))
            var acknowledged: Set<String> = []
            var deaths: [String: Int] = [:]
            for round in 0..<Self.rounds {
                // At every second one between the two; the others elsewhere, or from outside at any instant.
                let point = round.isMultiple(of: 2) ? "between" : Self.points[Int.random(in: 0..<4, using: &random)]
                let app = try KilledAppProcess(["together", directory, "\(Int.random(in: 1...6, using: &random))", point])
                if point == "never" {
                    _ = try await app.lines(atLeast: 1)
                    try await Task.sleep(for: .microseconds(Int.random(in: 0...20_000, using: &random)))
                    app.kill()
                }
                let said = try await app.end()
                #expect(app.wasKilled, "round \(round) (\(point)): it ended by itself")
                acknowledged.formUnion(said)
                deaths[point, default: 0] += 1
                try await Self.compare(directory, acknowledged, round)
            }
            print(
                "measured: \(Self.rounds) kills \(deaths.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }), \(acknowledged.count) acknowledged"
            )
            #expect(acknowledged.count > Self.rounds)
        }

        /// Every note has its operation, every operation its note, and nothing acknowledged is missing.
        private static func compare(_ directory: String, _ acknowledged: Set<String>, _ round: Int) async throws {
            let store = try SQLiteStore.open(.init(path: directory + "/app.sqlite"))
            let notes = try await DatabaseQueue(path: directory + "/app.sqlite").read { db in
                Set(try String.fetchAll(db, sql: "SELECT id FROM note"))
            }
            var operations: Set<String> = []
            var after: Int64 = 0
            while true {
                let page = try await store.list(OperationFilter(afterSeq: after, limit: 1000))
                operations.formUnion(page.map(\.id.description))
                guard page.count == 1000, let last = page.last else { break }
                after = last.seq
            }
            #expect(notes.subtracting(operations).isEmpty, "round \(round): notes without an operation")
            #expect(operations.subtracting(notes).isEmpty, "round \(round): operations without a note")
            #expect(acknowledged.subtracting(notes).isEmpty, "round \(round): acknowledged and lost")
            let check = try await store.check()
            #expect(check.problems == [] && check.gap == 0, "round \(round): \(check.problems), gap \(check.gap)")
            try store.close()
        }

        @Test(
            "a house built under local ids, killed with SIGKILL after each single settle, ends under the upstream's ids in one pass",
            .timeLimit(.minutes(2)))
        func house() async throws {
            let directory = Self.directory()
            defer { Self.remove(directory) }
            let upstream = try ReferenceUpstream(.init(port: 0, assignsIDs: true))
            let (ports, told) = AsyncStream<Int>.makeStream()
            let serving = Task { try await upstream.run { told.yield($0) } }
            defer { serving.cancel() }
            let port = try #require(await ports.first { _ in true })
            let store = try SQLiteStore.open(.init(path: directory + "/guardian.sqlite"))
            let count = Self.house.count
            var configuration = SyncEngine.Configuration()
            configuration.processor.assignsIDs = ["room", "device"]
            configuration.references = References(["device": ["room_id": "room"]])
            let engine = SyncEngine(store: store, transport: NeverSends(), configuration: configuration)
            try await engine.enqueue(Self.house)
            for settled in 1...count {
                let app = try KilledAppProcess(["house", directory, "http://127.0.0.1:\(port)"])
                _ = try await app.end()
                #expect(app.wasKilled || settled == count)
                let books = try await store.books()
                // One at a time: one worker, and it dies as soon as one is on disk.
                #expect(books.processed == settled, "after death \(settled)")
                #expect(try await store.check().problems == [], "after death \(settled)")
            }
            let effects = upstream.effects
            #expect(effects.map(\.method) == ["POST", "POST", "POST", "POST", "PUT", "PUT", "PUT", "DELETE"], "in one pass, each once")
            #expect(!effects.contains { $0.entity.contains("local-") }, "a local id reached the upstream")
            #expect(upstream.duplicateEffects == 0)
            print("measured: killed \(count) times after a single settle each: \(effects.count) effects, none under a local id, none twice")
            try store.close()
        }

        private struct NeverSends: Transport {
            func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome { .interrupted }
        }

        /// A room, three devices in it, updates of them, and one taken away again.
        private static var house: [NewOperation] {
            func device(_ n: Int, _ type: String, _ payload: String?) -> NewOperation {
                NewOperation(type, entityType: "device", entityID: "local-device-\(n)", payload: payload)
            }
            var operations = [NewOperation("create", entityType: "room", entityID: "local-room", payload: #"{"name":"kitchen"}"#)]
            for n in 1...3 { operations.append(device(n, "create", #"{"name":"d\#(n)","room_id":"local-room"}"#)) }
            for n in 1...3 { operations.append(device(n, "update", #"{"name":"d\#(n)","room_id":"local-room","on":true}"#)) }
            return operations + [device(3, "delete", nil)]
        }

        private static func directory() -> String { NSTemporaryDirectory() + "/guardian-killed-" + UUID().uuidString }
        private static func remove(_ directory: String) { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
    }
}

/// The app that is killed, built beside the tests.
private final class KilledAppProcess: @unchecked Sendable {
    // `Process` and its pipe are used by the one test that made them.
    private let process = Process()
    private let pipe = Pipe()
    private var said = ""

    struct Stuck: Error {}

    init(_ arguments: [String]) throws {
        process.executableURL = URL(fileURLWithPath: Guardian.binary).deletingLastPathComponent().appendingPathComponent("killed-app")
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = FileHandle.standardError
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    var wasKilled: Bool { process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL }

    func kill() { Foundation.kill(process.processIdentifier, SIGKILL) }

    /// Waits until it has written so many lines.
    func lines(atLeast count: Int) async throws -> [String] {
        while said.split(separator: "\n").count < count {
            let more = pipe.fileHandleForReading.availableData
            guard !more.isEmpty else { break }
            said += String(decoding: more, as: UTF8.self)
        }
        return Self.whole(said)
    }

    /// Waits for its end, and returns the whole lines that it has written.
    func end() async throws -> [String] {
        said += String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        return Self.whole(said)
    }

    private static func whole(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        lines.removeLast()
        return lines
    }
}
