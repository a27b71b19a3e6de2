internal import GuardianCore

/// A search as SQL: conditions on columns.
struct SearchQuery {
    private var values: [Parameter] = []
    private var conditions: [String] = []
    private let isNewestFirst: Bool

    init(_ search: OperationSearch, cursor: Int64?) {
        isNewestFirst = search.isNewestFirst
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

    func page(limit: Int) -> Call {
        let text = """
            SELECT \(OperationRow.columns) FROM \(OperationRow.source) WHERE \(whole)
            ORDER BY o.seq \(isNewestFirst ? "DESC" : "ASC") LIMIT \(limit)
            """
        return Call(SQL(text), values, isPrepared: false)
    }

    var count: Call { Call(SQL("SELECT count(*) FROM \(OperationRow.source) WHERE \(whole)"), values, isPrepared: false) }
}
