import Foundation
import GRDB
import GuardianCore
import GuardianHTTP
import GuardianSQLite

/// An app that is killed: it keeps its notes in the store's own file, or delivers what it has queued, until a test or itself ends it.
///
/// `killed-app together DIRECTORY COUNT POINT` writes notes, each with its operation in one transaction. At the note number COUNT it kills
/// itself with SIGKILL: `between` its write and the enqueue, `inside` the transaction behind both, or `after` the commit; `never` goes on.
///
/// `killed-app house DIRECTORY URL` delivers under the upstream's ids, and kills itself as soon as it hears that one operation is settled.
@main struct KilledApp {
    static func main() async throws {
        let arguments = CommandLine.arguments
        switch arguments.dropFirst().first {
        case "together" where arguments.count == 5: try await together(arguments[2], Int(arguments[3]) ?? 0, arguments[4])
        case "house" where arguments.count == 4: try await house(arguments[2], arguments[3])
        default:
            FileHandle.standardError.write(Data("usage: killed-app together DIRECTORY COUNT POINT | house DIRECTORY URL\n".utf8))
            exit(2)
        }
    }

    private static func die() { kill(getpid(), SIGKILL) }

    /// The same notes as the test reads, under the same ids as their operations.
    private static func together(_ directory: String, _ last: Int, _ point: String) async throws {
        let path = directory + "/app.sqlite"
        let store = try SQLiteStore.open(.init(path: path))
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        let pool = try DatabasePool(path: path, configuration: configuration)
        try await pool.write { db in try db.execute(sql: "CREATE TABLE IF NOT EXISTS note (id TEXT PRIMARY KEY, text TEXT NOT NULL)") }
        let engine = SyncEngine(store: store, transport: Nowhere())
        var number = 0
        while true {
            number += 1
            let isLast = number == last
            let id = UUID().uuidString
            try await engine.write(to: pool, store: store) { db in
                try db.execute(sql: "INSERT INTO note VALUES (?, 'a text')", arguments: [id])
                if isLast, point == "between" { die() }
                let operation = NewOperation("update", entityType: "note", entityID: id, payload: #"{"text":"a text"}"#, id: id)
                guard isLast, point == "inside" else { return [operation] }
                _ = try engine.enqueue([operation], in: db, store: store)
                die()
                return []
            }
            // What the test may count on.
            FileHandle.standardOutput.write(Data("\(id)\n".utf8))
            if isLast, point == "after" { die() }
        }
    }

    private static func house(_ directory: String, _ url: String) async throws {
        let store = try SQLiteStore.open(.init(path: directory + "/guardian.sqlite"))
        let transport = try HTTPTransport(configuration: .init(url: url, deviceID: "8a3c1f6e-5b7d-4c2a-9e10-6f4d2b8c7a51"))
        var configuration = SyncEngine.Configuration()
        configuration.processor.workers = 1
        configuration.processor.assignsIDs = ["room", "device"]
        configuration.processor.pollMs = 50
        configuration.references = References(["device": ["room_id": "room"]])
        let engine = SyncEngine(store: store, transport: transport, sinks: [DiesAtOnce()], configuration: configuration)
        let run = Task { try await engine.run() }
        while true {
            let books = try await store.books()
            if books.pending == 0, books.processing == 0 { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        engine.drain()
        try await run.value
        await transport.shutdown()
        try store.close()
    }

    /// Ends the process at the first settlement that is on disk.
    private struct DiesAtOnce: EventSink {
        func record(_ event: Event, at time: Timestamp) { if case .processed = event { KilledApp.die() } }
    }

    /// Nothing is ever delivered.
    private struct Nowhere: Transport {
        func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome { .interrupted }
    }
}
