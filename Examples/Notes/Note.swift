import Foundation
import GRDB
import GuardianSync

/// A note, as the user sees it and as the API knows it.
struct Note: Codable, Sendable, Equatable {
    var id = UUID().uuidString
    var title: String
    var body: String
    var tags: [String]

    static func entity(_ id: String) -> EntityKey { EntityKey(type: "note", id: id) }
}

/// A note in the app's own table.
struct NoteRow: Codable, Sendable, FetchableRecord, PersistableRecord {
    static let databaseTableName = "note"
    var id: String
    var note: Note
    /// The token of the latest change that the server has not taken yet.
    var change: String?
    /// Deleted by the user; the row stays until the server agrees.
    var isDeleted = false

    static func migrate(_ pool: DatabasePool) throws {
        var migrations = DatabaseMigrator()
        migrations.registerMigration("notes-1") { db in
            try db.execute(sql: "CREATE TABLE note (id TEXT PRIMARY KEY, note TEXT NOT NULL, change TEXT, isDeleted INTEGER NOT NULL)")
        }
        try migrations.migrate(pool)
    }
}
