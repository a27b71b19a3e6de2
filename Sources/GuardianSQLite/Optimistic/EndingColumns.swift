internal import GRDB
internal import GuardianCore

/// How an operation ended, as the columns `ending`, `merged_into` and `answer` of the ledger.
enum EndingColumns {
    static let names = "ending, merged_into, answer"

    /// `seq` is the operation's.
    static func bind(_ ending: Ending, of seq: Int64, to insert: RawStatement, from index: Int32, _ transaction: WriteTransaction) throws {
        insert.bind(index + 1, nil as Int64?)
        insert.bind(index + 2, nil as String?)
        switch ending {
        case .processed(let answer):
            insert.bind(index, 0)
            insert.bind(index + 2, try transaction.stored(answer, SealedKind.answer.at(seq)))
        case .merged(let into):
            insert.bind(index, 1)
            insert.bind(index + 1, into)
        case .cancelled: insert.bind(index, 2)
        case .expired: insert.bind(index, 3)
        case .cleared: insert.bind(index, 4)
        }
    }

    static func read(_ row: RawStatement, of seq: Int64, from column: Int32, _ vault: Vault) throws -> Ending {
        switch row.int(column) {
        // The ledger is there to know an id again; it does so without the answer, where that can't be opened.
        case 0: .processed(answer: try row.readableText(column + 2, vault, SealedKind.answer.at(seq)))
        case 1: .merged(into: try row.operationID(column + 1))
        case 2: .cancelled
        case 3: .expired
        case 4: .cleared
        case let other: throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the ledger has an unknown ending (\(other))")
        }
    }
}
