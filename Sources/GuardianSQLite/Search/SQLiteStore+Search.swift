internal import GRDB
public import GuardianCore
internal import Synchronization

extension SQLiteStore: SearchStore {
    /// Operations of one line that are walked at most; a longer one is found in the table, where its operations are not rare.
    private static let longestLine = 5000
    /// How long one read counts before it gives its snapshot back.
    private static let countingRead = Duration.milliseconds(50)
    /// Blocks that one call of ``prepareSearch()`` looks at.
    private static let blocksAtOnce = 64

    public func search(_ search: OperationSearch) async throws(StoreError) -> SearchPage {
        let zones = zones.withLock { $0 }
        let patience = searchPatience
        return try await read { [vault] db in
            if search.status == .processing { return try Self.page(of: try Self.processing(db, vault), search, db, vault) }
            if let type = search.entityType, let id = search.entityID, search.shape == nil,
                let found = try Self.all(of: EntityKey(type: type, id: id), db, vault)
            {
                return try Self.page(of: found, search, db, vault)
            }
            return try SearchRun(db, vault, search, zones).page(patience: patience)
        }
    }

    public func count(_ search: OperationSearch) async throws(StoreError) -> Int64 {
        let zones = zones.withLock { $0 }
        var total: Int64 = 0
        var after: Int64? = 0
        while let from = after {
            let (count, next) = try await read { [vault] db in
                try SearchRun(db, vault, search, zones).count(after: from, patience: Self.countingRead)
            }
            total += count
            after = next
        }
        return total
    }

    public func newestSeq() async throws(StoreError) -> Int64 {
        try await read { db in try Int64.fetchOne(db, sql: "SELECT max(seq) FROM guardian_operation") ?? 0 }
    }

    public func failureGroups(limit: Int) async throws(StoreError) -> [FailureGroup] {
        try await read { [vault] db in
            let groups = try RawStatement(
                db,
                """
                SELECT count(*), min(seq), max(seq) FROM guardian_operation INDEXED BY guardian_operation_shape WHERE status = 2
                GROUP BY error_shape ORDER BY count(*) DESC, min(seq) LIMIT ?1
                """)
            groups.bind(1, limit)
            var found: [FailureGroup] = []
            while try groups.step() {
                guard let first = try Self.row(groups.int(1), Self.smallColumns, db, vault),
                    let last = try Self.row(groups.int(2), Self.smallColumns, db, vault), let error = first.lastError
                else { continue }
                found.append(FailureGroup(shape: FailureShape(of: error), first: first, last: last, count: groups.int(0)))
            }
            return found
        }
    }

    public func indexEntries() async throws(StoreError) -> Int64 {
        try await read { db in
            try Int64.fetchOne(
                db, sql: "SELECT count(*) FROM guardian_operation INDEXED BY guardian_operation_head WHERE head = 1") ?? 0
        }
    }

    public func prepareSearch() async throws(StoreError) -> Bool {
        let known = zones.withLock { $0 }
        let look = try await read { db in try Self.look(at: known, db) }
        zones.withLock { zones in
            zones.drop(below: look.oldest)
            for (block, zone) in look.made { zones.keep(zone, block) }
            zones.preparedUntil = max(zones.preparedUntil, look.until)
        }
        return look.hasMore
    }

    /// What one look at blocks has found.
    private struct Look {
        /// The block of the oldest row.
        var oldest: Int64 = 0
        var made: [(Int64, SearchZones.Zone)] = []
        /// Blocks below it need no look.
        var until: Int64
        var hasMore = false
    }

    /// Looks at complete blocks that nothing is known of, oldest first.
    private static func look(at known: SearchZones, _ db: Database) throws -> Look {
        var look = Look(until: known.preparedUntil)
        let end = try Int64.fetchOne(db, sql: "SELECT next_seq FROM guardian_books") ?? 1
        let oldest = try Int64.fetchOne(db, sql: "SELECT min(seq) FROM guardian_operation") ?? end
        look.oldest = max(0, oldest - 1) / SearchZones.width
        let edge = try RawStatement(db, "SELECT seq FROM guardian_operation WHERE seq > ?1 ORDER BY seq LIMIT 1")
        while look.made.count < blocksAtOnce {
            edge.bind(1, look.until * SearchZones.width)
            guard try edge.step() else { return look }
            let block = (edge.int(0) - 1) / SearchZones.width
            edge.reset()
            look.until = block
            guard (block + 1) * SearchZones.width < end else { return look }
            look.made.append((block, try zone(of: block, db)))
            look.until = block + 1
        }
        look.hasMore = true
        return look
    }

    private static func zone(of block: Int64, _ db: Database) throws -> SearchZones.Zone {
        let rows = try RawStatement(
            db, "SELECT trace_id, enqueued_at, entity_type FROM guardian_operation WHERE seq > ?1 AND seq <= ?2")
        rows.bind(1, block * SearchZones.width)
        rows.bind(2, (block + 1) * SearchZones.width)
        var zone = SearchZones.Zone()
        var types: [String: Int64] = [:]
        while try rows.step() {
            let type = rows.text(2) ?? ""
            let hash = types[type] ?? Line.of(type)
            types[type] = hash
            zone.add(trace: try rows.uuid(0), at: rows.int(1), entityType: hash)
        }
        return zone
    }

    /// The blocks of rows of which something is known.
    package var blocksLookedAt: Set<Int64> { zones.withLock { Set($0.blocks.keys) } }

    /// How SQLite answers a search: the lines of `EXPLAIN QUERY PLAN`.
    package func plan(of search: OperationSearch) async throws(StoreError) -> [String] {
        try await read { db in
            let plan = SearchPlan(search)
            let order = search.isNewestFirst ? " DESC" : ""
            let sql = "SELECT \(plan.columns) FROM \(plan.from)\(plan.rest) ORDER BY seq\(order) LIMIT 101"
            let explain = try RawStatement(db, "EXPLAIN QUERY PLAN " + sql)
            var lines: [String] = []
            while try explain.step() { lines.append(explain.text(3) ?? "") }
            return lines
        }
    }

    // MARK: What is found without a walk

    private static func row(_ seq: Int64, _ columns: String, _ db: Database, _ vault: Vault) throws -> GuardianCore.Operation? {
        let find = try RawStatement(db, "SELECT \(columns) FROM guardian_operation WHERE seq = ?1")
        find.bind(1, seq)
        defer { find.reset() }
        return try find.step() ? try OperationRow.look(find, vault) : nil
    }

    /// All but what is large: payload, base, and the other side of a conflict.
    private static let smallColumns = OperationRow.columnsWithoutPayload.replacing("server_state", with: "NULL")

    /// No more than processors have workers; without what is large.
    private static func processing(_ db: Database, _ vault: Vault) throws -> [GuardianCore.Operation] {
        let find = try RawStatement(
            db, "SELECT \(smallColumns) FROM guardian_operation WHERE \(Claims.holdsRow)")
        return try rows(find, vault)
    }

    private static func rows(_ find: RawStatement, _ vault: Vault) throws -> [GuardianCore.Operation] {
        var found: [GuardianCore.Operation] = []
        while try find.step() { found.append(try OperationRow.look(find, vault)) }
        return found
    }

    /// All operations of an entity under exactly this id, without what is large; nil when they are too many to be walked.
    private static func all(of entity: EntityKey, _ db: Database, _ vault: Vault) throws -> [GuardianCore.Operation]? {
        let line = Line.of(entity)
        var found: [GuardianCore.Operation] = []
        for source in [
            "guardian_operation INDEXED BY guardian_operation_entity WHERE entity_line IS NOT NULL AND entity_line = ?1",
            "guardian_operation INDEXED BY guardian_operation_failed_line WHERE status = 2 AND line = ?1", Self.standing(longestLine + 1),
        ] {
            let find = try RawStatement(db, "SELECT \(smallColumns) FROM \(source) LIMIT ?2")
            find.bind(1, line)
            find.bind(2, longestLine + 1)
            let some = try rows(find, vault)
            guard some.count <= longestLine else { return nil }
            found += some
        }
        var seen: Set<Int64> = []
        return found.filter { $0.entity == entity && seen.insert($0.seq).inserted }
    }

    /// The page of those found that fit, with all that the search asks for.
    private static func page(
        of found: [GuardianCore.Operation], _ search: OperationSearch, _ db: Database, _ vault: Vault
    ) throws -> SearchPage {
        var fitting = found.filter { search.fits($0) }.sorted { search.isNewestFirst ? $0.seq > $1.seq : $0.seq < $1.seq }
        if let cursor = search.cursor { fitting = fitting.filter { search.isNewestFirst ? $0.seq < cursor : $0.seq > cursor } }
        let page = SearchPage(first: fitting, of: search)
        guard search.includesPayload else { return page }
        var whole: [GuardianCore.Operation] = []
        var bytes = 0
        for operation in page.operations {
            guard bytes < SearchPage.mostBytes else { return SearchPage(operations: whole, next: whole.last?.seq) }
            let all = try row(operation.seq, OperationRow.columns, db, vault) ?? operation
            bytes += all.carriedBytes
            whole.append(all)
        }
        return SearchPage(operations: whole, next: page.next)
    }
}
