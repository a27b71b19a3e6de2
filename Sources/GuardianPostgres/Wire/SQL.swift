internal import GuardianCore

/// A statement that is prepared once for each connection, known by its identity.
final class SQL: Sendable {
    let text: String
    /// What it is called at the server: the same text has the same name in every session, so that a session which a pooler has given to
    /// somebody else can't run another statement under that name.
    let name: String

    init(_ text: String) {
        self.text = text
        name = "guardian_" + String(UInt64(bitPattern: Line.of(text)), radix: 36)
    }
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
