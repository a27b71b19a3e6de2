internal import GuardianCore

/// How an operation ended, as the columns `ending`, `merged_into` and `answer` of the ledger.
struct EndingColumns {
    static let names = "ending, merged_into, answer"

    var kind: Int
    var mergedInto: OperationID?
    var answer: String?

    init(_ ending: Ending) {
        switch ending {
        case .processed(let answer):
            kind = 0
            self.answer = answer
        case .merged(let into):
            kind = 1
            mergedInto = into
        case .cancelled: kind = 2
        case .expired: kind = 3
        case .cleared: kind = 4
        }
    }

    static func read(_ row: Row, from column: Int32) throws -> Ending {
        switch row.int(column) {
        case 0: .processed(answer: row.text(column + 2))
        case 1: .merged(into: try row.operationID(column + 1))
        case 2: .cancelled
        case 3: .expired
        case 4: .cleared
        case let other: throw StoreError.corrupt("the ledger has an unknown ending (\(other))")
        }
    }
}
