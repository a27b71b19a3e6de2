package import GuardianCore
internal import Synchronization

/// Schemas of our own in somebody's database, for queues that are measured and thrown away: nothing outside of them is written.
package final class ScratchSchemas: Sendable {
    /// With what the name of every such schema begins.
    package static let prefix = "guardian_load_"

    private let address: DatabaseAddress
    /// Tells this run's schemas from those of others.
    private let run: String
    private let made = Mutex<[String: String]>([:])

    /// `run` must be small letters and digits.
    package init(_ address: DatabaseAddress, run: String) {
        self.address = address
        self.run = run
    }

    /// Why the database is not to be used so; nil when it may be. Touches nothing.
    package func objection() throws(StoreError) -> String? {
        guard !address.isPooled else {
            return "a pooler does not keep to a schema of its own for each queue; name the server itself"
        }
        return try Self.guarded(address) { try Self.queueInUse($0) }
    }

    private static let found = """
        SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = 'guardian_operation' AND c.relkind IN ('r', 'p') AND NOT starts_with(n.nspname, '\(prefix)') ORDER BY 1
        """

    /// Says which queue in the database is not empty, or has a processor; nil when there is none.
    private static func queueInUse(_ session: DirectSession) throws -> String? {
        for schema in try session.texts(found) {
            let waits = try session.texts("SELECT count(*)::text FROM \(schema).guardian_operation").first ?? "0"
            if waits != "0" { return "the database holds a queue with \(waits) operations (schema \(schema))" }
            let seats = try session.texts("SELECT count(*)::text FROM \(schema).guardian_processor").first ?? "0"
            if seats != "0" { return "the database holds a queue that somebody delivers from (schema \(schema))" }
        }
        return nil
    }

    /// Where the queue `name` is: an empty schema when nobody has asked for it before, which is made now.
    package func address(of name: String) throws(StoreError) -> DatabaseAddress {
        let (schema, isNew) = made.withLock { made -> (String, Bool) in
            if let known = made[name] { return (known, false) }
            let schema = "\(Self.prefix)\(run)_\(made.count)"
            made[name] = schema
            return (schema, true)
        }
        let own = address.inSchema(schema)
        if isNew {
            try Self.guarded(address) { try $0.run("CREATE SCHEMA \(schema)") }
            let current = try Self.guarded(own) { try $0.texts("SELECT coalesce(current_schema(), '')").first }
            guard current == schema else {
                throw .unavailable("something on the way to the server ignores `options`: name the server itself")
            }
        }
        return own
    }

    /// Drops what was made, with all that is in it.
    package func dropAll() throws(StoreError) {
        let schemas = made.withLock { made in
            defer { made = [:] }
            return made.values.sorted()
        }
        for schema in schemas { try Self.guarded(address) { try $0.run("DROP SCHEMA IF EXISTS \(schema) CASCADE") } }
    }

    private static let ownTables = """
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'
        """

    /// Bytes that a schema takes, indexes included.
    package static func bytes(_ address: DatabaseAddress) throws(StoreError) -> Int64 {
        let total = try guarded(address) {
            try $0.texts(
                """
                SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::text \(ownTables)
                """)
        }
        return total.first.flatMap { Int64($0) } ?? 0
    }

    /// Writes the tables of a schema anew, so that they are as small as they can be. Nobody may use them meanwhile.
    package static func compact(_ address: DatabaseAddress) throws(StoreError) {
        try guarded(address) { session in
            let tables = try session.texts("SELECT c.oid::regclass::text \(ownTables)")
            for table in tables { try session.run("VACUUM (FULL, ANALYZE) \(table)") }
        }
    }

    @discardableResult
    private static func guarded<Value>(
        _ address: DatabaseAddress, _ body: (DirectSession) throws -> Value
    ) throws(StoreError) -> Value {
        do { return try body(try DirectSession(address)) } catch {
            guard let failure = error as? ServerFailure else { throw error as? StoreError ?? .unavailable("\(type(of: error))") }
            throw ServerFailure(state: failure.state, message: address.masking(failure.message), isLost: failure.isLost).storeError
        }
    }
}
