internal import GuardianCore

/// What one caller appends in a group, and its receipts.
///
/// Touched by the writer only, until the caller hears of the commit.
final class Appending {
    let operations: [GuardianCore.Operation]
    var receipts: [Receipt] = []

    init(_ operations: [GuardianCore.Operation]) { self.operations = operations }

    /// Whether one call can append `operations` together with those of other callers: none folds into another, and none belongs to an
    /// optimistic change that may have been refused meanwhile.
    static func isPossible(_ operations: [GuardianCore.Operation]) -> Bool {
        operations.indices.allSatisfy { !operations[$0].folds && operations[$0].txnToken == nil }
    }

    /// Appends what several callers have, in their order, as one batch: rows of one statement open the table and its indexes once.
    static func run(_ all: [Appending], in transaction: WriteTransaction) throws {
        let receipts = try SQLiteStore.insert(all.flatMap(\.operations), transaction)
        var place = 0
        for one in all {
            one.receipts = Array(receipts[place..<place + one.operations.count])
            place += one.operations.count
        }
    }
}
