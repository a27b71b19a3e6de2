import Foundation
import GRDB
import GuardianSync

/// The core of a notes app: edits show at once, reach the server when there is one, and are taken back when it will not have them.
final class NotesStore: Sendable {
    private let store: SQLiteStore
    private let pool: DatabasePool
    private let transport: HTTPTransport
    private let engine: SyncEngine

    init(directory: String, upstream: String) async throws {
        // The engine's tables and the app's live in one file, so that one transaction writes to both.
        store = try SQLiteStore.open(.init(path: directory + "/notes.sqlite"))
        var connections = Configuration()
        connections.busyMode = .timeout(10)
        pool = try DatabasePool(path: store.configuration.path, configuration: connections)
        try NoteRow.migrate(pool)
        transport = try HTTPTransport(configuration: .init(url: upstream, deviceID: try await store.deviceID()))
        var configuration = SyncEngine.Configuration()
        // Two people may edit a note: it is merged field by field, and no tag gets lost.
        configuration.processor.conflicts.set(.merge(ThreeWayMerge(rules: ["tags": .set])), entity: "note")
        engine = SyncEngine(store: store, transport: transport, configuration: configuration)
        engine.optimistic.attach { [weak self] _, ending in
            // An ending that nobody takes comes again at the next start.
            guard let self else { throw CancellationError() }
            try await take(ending)
        }
    }

    /// Delivers until its task is cancelled.
    func sync() async throws { try await engine.run() }
    func goOffline() async throws { try await engine.pause() }
    func goOnline() async throws { try await engine.resume() }

    func close() async throws {
        await transport.shutdown()
        try pool.close()
        try store.close()
    }

    /// The note now, and after each change to it.
    func observe(_ id: String) -> AsyncValueObservation<Note?> {
        ValueObservation.tracking { db in
            try NoteRow.fetchOne(db, key: id).flatMap { $0.isDeleted ? nil : $0.note }
        }.values(in: pool)
    }

    /// For the badge beside a note: its state now, and each that follows.
    func states(of id: String) -> AsyncThrowingStream<EntityState, any Error> { engine.states(of: Note.entity(id)) }

    /// Saves a note. `shown` is what was on the screen when the user began to edit: conflicts are merged on it. nil makes a new note.
    func save(_ note: Note, editedFrom shown: Note?) async throws {
        let operation = try NewOperation(
            shown == nil ? "create" : "update", entityType: "note", entityID: note.id, encoding: note, base: shown)
        try await write(operation, NoteRow(id: note.id, note: note))
    }

    func delete(_ shown: Note) async throws {
        let operation = try NewOperation("delete", entityType: "note", entityID: shown.id, encoding: nil, base: shown)
        try await write(operation, NoteRow(id: shown.id, note: shown, isDeleted: true))
    }

    /// Ends a conflict that was left to the user: the server's version stands, which the note shows already.
    func keepTheirs(_ id: String) async throws {
        for operation in try await engine.operations(of: Note.entity(id)) where operation.lastError?.class == .conflict {
            try await engine.resolve(operation.id, .server)
        }
    }

    /// Row and operation are on disk together when this returns, or neither is.
    private func write(_ operation: NewOperation, _ row: NoteRow) async throws {
        let token = UUID().uuidString
        let earlier = try await pool.read { db in try NoteRow.fetchOne(db, key: row.id)?.change }
        try await engine.optimistic.register(
            OptimisticChange(txnToken: token, entity: Note.entity(row.id), original: operation.base, dependsOn: earlier))
        do {
            try await engine.write(to: pool, store: store) { db in
                var (operation, row) = (operation, row)
                operation.txnToken = token
                row.change = token
                try row.save(db)
                return [operation]
            }
        } catch {
            try await engine.optimistic.withdraw(txnToken: token)
            throw error
        }
    }

    /// Brings the table in line with how a change has ended. An ending may come twice, so this only ever sets what is right.
    private func take(_ ending: OptimisticEnding) async throws {
        let (id, token) = (ending.change.entity.id, ending.change.txnToken)
        // Committed is not always what the user wrote: a merge may have brought in what others wrote.
        let overlay = try await engine.optimistic.overlay(of: ending.change.entity)
        let json = ending.result == .committed ? overlay.state?.text : ending.state ?? ending.change.original
        let note = try json.map { try JSONDecoder().decode(Note.self, from: Data($0.utf8)) }
        try await pool.write { db in
            let latest = try NoteRow.fetchOne(db, key: id)?.change
            // After a later change the row is that one's to set. What is rolled back takes later changes along.
            if ending.result == .committed, latest != nil, latest != token { return }
            if let note { try NoteRow(id: id, note: note).save(db) } else { try NoteRow.deleteOne(db, key: id) }
        }
    }
}
