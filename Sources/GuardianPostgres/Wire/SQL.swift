/// A statement that is prepared once for each connection, known by its identity.
final class SQL: Sendable {
    let text: String
    init(_ text: String) { self.text = text }
}

/// A statement with its values.
struct Call {
    var sql: SQL
    var values: [Parameter]
    /// Whether it is worth preparing.
    var isPrepared = true

    init(_ sql: SQL, _ values: [Parameter] = [], isPrepared: Bool = true) {
        self.sql = sql
        self.values = values
        self.isPrepared = isPrepared
    }
}
