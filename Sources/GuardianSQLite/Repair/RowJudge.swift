internal import Foundation
internal import GRDB
internal import GuardianCore
internal import GuardianPrivacy

/// Whether a row that was read from a damaged store is what it has to be: what SQLite takes for whole may have zeroes in it, or noise.
struct RowJudge {
    /// Sealed values that a row can do without: the ledger is there to know an id again, an operation is delivered without what was said of
    /// it, and the app is told how its change ended, be the snapshot lost or not.
    private static let spare: Set = [
        "guardian_ledger.answer", "guardian_operation.error_message", "guardian_operation.server_state", "guardian_optimistic.original",
        "guardian_optimistic_ending.original", "guardian_optimistic_ending.state", "guardian_optimistic_ending.error_message",
    ]

    private let table: String
    private let places: [String: Int]
    private let sealed: SealedTable?
    private let vault: Vault
    /// The ids of the keys that the old store named; empty where that can't be read.
    private let keys: Set<Data>

    init(_ table: String, _ columns: [String], _ vault: Vault, keys: Set<Data>) {
        self.table = table
        places = Dictionary(columns.enumerated().map { ($1, $0) }) { one, _ in one }
        sealed = SealedTable.all.first { $0.name == table }
        self.vault = vault
        self.keys = keys
    }

    /// The row without the values that it can do without and that do not open; nil when it is not to be brought over.
    func judged(_ row: [DatabaseValue]) -> [DatabaseValue]? {
        guard table != "guardian_operation" || isWhole(row) else { return nil }
        var values = row
        for name in sealed.map({ unopened(row, $0) }) ?? [] {
            guard Self.spare.contains("\(table).\(name)"), let place = places[name] else { return nil }
            values[place] = .null
        }
        return values
    }

    private func value(_ name: String, _ row: [DatabaseValue]) -> DatabaseValue { places[name].map { row[$0] } ?? .null }

    /// Whether a row of the queue says what an operation needs: anything else is damage that has slipped through.
    private func isWhole(_ row: [DatabaseValue]) -> Bool {
        func bytes(_ name: String) -> Int? { Data.fromDatabaseValue(value(name, row))?.count }
        guard bytes("idempotency_key") == 16, bytes("trace_id") == 16, let status = Int64.fromDatabaseValue(value("status", row)),
            (0...2).contains(status)
        else { return false }
        for name in ["operation_type", "entity_type", "entity_id"] where String.fromDatabaseValue(value(name, row)) == nil { return false }
        for name in ["payload", "base"] {
            guard case .string(let text) = value(name, row).storage else { continue }
            do throws(JSONScanner.Defect) { try JSONScanner.checkObject(text) } catch { return false }
        }
        return SalvageRun.operationID(value("id", row)) != nil
    }

    /// The columns of a row whose sealed values do not open where they stand. One whose key is not here can't be told, and counts as whole,
    /// unless the store has never named that key.
    private func unopened(_ row: [DatabaseValue], _ table: SealedTable) -> [String] {
        var found: [String] = []
        let binding = value(table.binding, row)
        for column in table.columns {
            guard case .blob(let sealed) = value(column.name, row).storage else { continue }
            let place =
                table.isNamed
                ? column.kind.at(String.fromDatabaseValue(binding) ?? "") : column.kind.at(Int64.fromDatabaseValue(binding) ?? 0)
            do { _ = try sealed.withUnsafeBytes { try vault.open($0, at: place) } } catch {
                let id = sealed.withUnsafeBytes { Sealer.keyID(of: $0) }.map { Data($0.bytes) }
                let isForeign = !keys.isEmpty && id.map { !keys.contains($0) } ?? true
                if case .wrongKey = StoreError(error, path: ""), !isForeign { continue }
                found.append(column.name)
            }
        }
        return found
    }
}
