internal import GuardianCore

/// A search as SQL: conditions on columns.
struct SearchQuery {
    private var values: [Parameter] = []
    private var conditions: [String] = []
    private let isNewestFirst: Bool
    private let includesPayload: Bool

    init(_ search: OperationSearch, cursor: Int64?) {
        isNewestFirst = search.isNewestFirst
        includesPayload = search.includesPayload
        if let cursor { add(search.isNewestFirst ? "o.seq <" : "o.seq >", .int(cursor)) }
        if let through = search.through { add("o.seq <=", .int(through)) }
        switch search.status {
        case .pending: conditions.append("o.status = 0 AND l.line IS NULL")
        case .processing: conditions.append("l.line IS NOT NULL")
        case .failed: conditions.append("o.status = 2")
        case nil: break
        }
        if search.shape != nil { conditions.append("o.status = 2") }
        if let type = search.operationType { add("o.operation_type =", .text(type)) }
        if let type = search.entityType { add("o.entity_type =", .text(type)) }
        if let id = search.entityID { add("o.entity_id =", .text(id)) }
        if let trace = search.traceID { add("o.trace_id =", .uuid(trace)) }
        if let since = search.since { add("o.enqueued_at >=", .time(since)) }
        if let until = search.until { add("o.enqueued_at <", .time(until)) }
        // A claim is written to the line alone.
        if let asOf = search.asOf { add("coalesce(l.claimed_at, o.updated_at) <=", .time(asOf)) }
        if let error = search.errorClass { add("o.error_class =", .text(error.rawValue)) }
        if let text = search.text, !text.isEmpty { addText(text) }
    }

    private mutating func add(_ condition: String, _ value: Parameter) {
        values.append(value)
        conditions.append("\(condition) $\(values.count)")
    }

    /// A guess that finds at least all that ``OperationSearch/fits(_:)`` takes.
    private mutating func addText(_ text: String) {
        values.append(.text(text))
        let wanted = "lower($\(values.count)::text COLLATE \"C\")"
        var places = ["operation_type", "entity_type", "entity_id", "ordering_key", "txn_token", "error_code", "error_message"].map {
            "strpos(lower(o.\($0) COLLATE \"C\"), \(wanted)) > 0"
        }
        places.append("strpos(lower(guardian_id_text(o.id) COLLATE \"C\"), \(wanted)) > 0")
        let digits = text.filter { $0 != "-" }
        if OperationSearch.isHexadecimal(text), !digits.isEmpty {
            values.append(.text(digits))
            let hex = "lower($\(values.count)::text COLLATE \"C\")"
            places.append("strpos(replace(o.trace_id::text, '-', ''), \(hex)) > 0")
            places.append("strpos(encode(o.id, 'hex'), \(hex)) > 0")
        }
        conditions.append("(\(places.joined(separator: " OR ")))")
    }

    private var whole: String { conditions.isEmpty ? "true" : conditions.joined(separator: " AND ") }

    /// The first rows that fit, `limit` at most, and of those no more than carry ``SearchPage/mostBytes`` together with the last. Behind the
    /// columns of an operation stands what it and those before it carry.
    func page(limit: Int) -> Call {
        let order = isNewestFirst ? "DESC" : "ASC"
        let (columns, large) =
            includesPayload
            ? (OperationRow.columns, ["payload", "base", "error_message", "server_state"])
            : (OperationRow.columnsWithoutPayload, ["error_message", "server_state"])
        let size = large.map { "coalesce(octet_length(o.\($0)), 0)::bigint" }.joined(separator: " + ")
        let text = """
            SELECT \(columns), p.carried FROM \(OperationRow.source) JOIN (
                SELECT o.seq, \(size) AS own, (sum(\(size)) OVER (ORDER BY o.seq \(order) ROWS UNBOUNDED PRECEDING))::bigint AS carried
                FROM \(OperationRow.source) WHERE \(whole) ORDER BY o.seq \(order) LIMIT \(limit)
            ) p ON p.seq = o.seq AND p.carried - p.own < \(SearchPage.mostBytes)
            ORDER BY o.seq \(order)
            """
        return Call(SQL(text), values, isPrepared: false)
    }

    var count: Call { Call(SQL("SELECT count(*) FROM \(OperationRow.source) WHERE \(whole)"), values, isPrepared: false) }
}
