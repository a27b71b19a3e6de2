import Foundation
import GRDB
import GuardianCore
import GuardianPrivacy
import GuardianSQLite
import Synchronization
import Testing

/// Keys that a test can change, as a person changes the key file.
final class Keys: SealKeySource {
    private let held: Mutex<SealKeyring>

    init(_ current: SealKey, others: [SealKey] = []) { held = Mutex(SealKeyring(current, others: others)) }

    func keyring() throws(SealError) -> SealKeyring { held.withLock { $0 } }
    func change(to current: SealKey, others: [SealKey] = []) { held.withLock { $0 = SealKeyring(current, others: others) } }
}

/// A directory of its own for stores, gone after the test.
func withStoreDirectory(_ body: (String) async throws -> Void) async throws {
    let directory = NSTemporaryDirectory() + "/guardian-sealed-" + UUID().uuidString
    defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
    try await body(directory + "/guardian.sqlite")
}

/// A store without a reserve, sealed when there are keys.
func openStore(_ path: String, _ keys: (any SealKeySource)? = nil, adoptsKey: Bool = true) throws -> SQLiteStore {
    var configuration = SQLiteStore.Configuration(path: path)
    configuration.sealing = keys
    configuration.adoptsKey = adoptsKey
    configuration.disk.reserve = 0
    return try SQLiteStore.open(configuration)
}

/// The files of a store, and whether `canary` is in one of them.
func filesWith(_ canary: String, at path: String) throws -> [String] {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    return try FileManager.default.contentsOfDirectory(atPath: directory).filter { name in
        FileManager.default.contents(atPath: directory + "/" + name)?.range(of: Data(canary.utf8)) != nil
    }
}

/// Values that stand in clear in the columns that are sealed.
func clearValues(at path: String) throws -> [String] {
    let columns = [
        ("guardian_operation", ["payload", "base", "error_message", "server_state"]), ("guardian_entity", ["state"]),
        ("guardian_optimistic", ["original"]), ("guardian_optimistic_ending", ["original", "state", "error_message"]),
        ("guardian_ledger", ["answer"]),
    ]
    var configuration = Configuration()
    configuration.readonly = true
    return try DatabaseQueue(path: path, configuration: configuration).read { db in
        try columns.flatMap { table, names in
            try names.filter { name in
                try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table) WHERE typeof(\(name)) = 'text'") ?? 0 > 0
            }.map { "\(table).\($0)" }
        }
    }
}
