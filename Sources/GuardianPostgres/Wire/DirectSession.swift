/// One session without a store, for tests of this package that look behind it.
package final class DirectSession {
    private let connection: Connection

    /// `patienceMs`: milliseconds to wait for each answer.
    package init(_ address: DatabaseAddress, patienceMs: Int32 = 60_000) throws {
        connection = try Connection(address, prepares: false, applicationName: "guardian-test", timeoutMs: 10_000)
        connection.patienceMs = patienceMs
    }

    /// Runs a script of several statements.
    package func run(_ script: String) throws { try connection.script(script) }

    /// The first column of each row; it must be a text.
    package func texts(_ sql: String) throws -> [String] {
        try connection.run([Call(SQL(sql), isPrepared: false)])[0].map { $0.text(0) ?? "" }
    }
}
