internal import GuardianCore

/// Which rows a search walks, and what it asks of each.
struct SearchPlan {
    /// An index that holds what is looked for in order of `seq`, or the table.
    enum Source: Equatable {
        case table, failed
        case shape(Int64)
        case error(ErrorClass)
    }

    var source: Source
    private let search: OperationSearch

    init(_ search: OperationSearch) {
        self.search = search
        if let shape = search.shape {
            source = .shape(shape)
        } else if search.status == .failed, search.errorClass == nil {
            source = .failed
        } else if let error = search.errorClass {
            source = .error(error)
        } else {
            source = .table
        }
    }

    /// `FROM … WHERE …`; `?10` is what the index is asked for.
    var from: String {
        switch source {
        case .table: "guardian_operation WHERE seq > ?1 AND seq <= ?2"
        case .failed: "guardian_operation INDEXED BY guardian_operation_failed WHERE status = 2 AND seq > ?1 AND seq <= ?2"
        case .shape:
            "guardian_operation INDEXED BY guardian_operation_shape WHERE status = 2 AND error_shape = ?10 AND seq > ?1 AND seq <= ?2"
        case .error:
            """
            guardian_operation INDEXED BY guardian_operation_error
            WHERE error_class IS NOT NULL AND error_class = ?10 AND seq > ?1 AND seq <= ?2
            """
        }
    }

    /// What is read of each row.
    var columns: String {
        search.includesPayload ? OperationRow.columns : OperationRow.columnsWithoutPayload
    }

    /// What the source does not answer by itself: `AND …`, or empty.
    var rest: String { conditions(with: text.map { Self.condition(on: $0) }) }

    /// As ``rest``, but with every row whose message is sealed: whether the text stands in it is seen when it is opened.
    var restWithSealed: String { conditions(with: text.map { "(\(Self.condition(on: $0)) OR typeof(error_message) = 'blob')" }) }

    /// Whether the text that is looked for stands in what is never sealed: a column of a query.
    var isFoundInClear: String { text.map { Self.condition(on: $0) } ?? "1" }

    /// What is looked for; nil for any text.
    var text: String? { search.text.flatMap { $0.isEmpty ? nil : $0 } }

    private func conditions(with test: String?) -> String {
        var conditions: [String] = []
        if let status = search.status, source != .failed, !isShape { conditions.append(Claims.condition(status)) }
        if search.operationType != nil { conditions.append("operation_type = ?3") }
        if search.entityType != nil { conditions.append("entity_type = ?4") }
        if search.entityID != nil { conditions.append("entity_id = ?5") }
        if search.traceID != nil { conditions.append("trace_id = ?6") }
        if search.since != nil { conditions.append("enqueued_at >= ?7") }
        if search.until != nil { conditions.append("enqueued_at < ?8") }
        if search.asOf != nil { conditions.append("updated_at <= ?14") }
        if isShape, search.errorClass != nil { conditions.append("error_class = ?11") }
        if let test { conditions.append(test) }
        return conditions.map { " AND " + $0 }.joined()
    }

    private var isShape: Bool { if case .shape = source { true } else { false } }

    /// `?9` is the pattern, `?13` the one of the digits alone.
    private static func condition(on text: String) -> String {
        let columns = ["entity_id", "entity_type", "operation_type", "ordering_key", "txn_token", "error_code", "error_message"]
        // What is sealed holds the bytes of the text by chance only.
        var tests = columns.map { ($0 == "error_message" ? "typeof(error_message) = 'text' AND " : "") + "\($0) LIKE ?9 ESCAPE '\\'" }
        tests.append("typeof(id) = 'text' AND id LIKE ?9 ESCAPE '\\'")
        if digits(of: text) != nil { tests.append("hex(trace_id) LIKE ?13 OR typeof(id) = 'blob' AND hex(id) LIKE ?13") }
        return "(" + tests.joined(separator: " OR ") + ")"
    }

    /// What is looked for in UUIDs: the text without hyphens, when it can be a part of one.
    private static func digits(of text: String) -> String? {
        let digits = text.replacing("-", with: "")
        return OperationSearch.isHexadecimal(text) && !digits.isEmpty ? digits : nil
    }

    /// Any text around this one, for `LIKE`, which ignores the case of ASCII letters.
    private static func pattern(_ text: String) -> String {
        let quoted = text.unicodeScalars.map { scalar -> String in
            scalar == "\\" || scalar == "%" || scalar == "_" ? "\\\(scalar)" : "\(scalar)"
        }
        return "%" + quoted.joined() + "%"
    }

    func bind(to statement: RawStatement, withRest: Bool) {
        switch source {
        case .table, .failed: break
        case .shape(let shape): statement.bind(10, shape)
        case .error(let error): statement.bind(10, error.rawValue as String?)
        }
        guard withRest else { return }
        if let type = search.operationType { statement.bind(3, type as String?) }
        if let type = search.entityType { statement.bind(4, type as String?) }
        if let id = search.entityID { statement.bind(5, id as String?) }
        if let trace = search.traceID { statement.bind(6, trace) }
        if let since = search.since { statement.bind(7, since as Timestamp?) }
        if let until = search.until { statement.bind(8, until as Timestamp?) }
        if let asOf = search.asOf { statement.bind(14, asOf as Timestamp?) }
        if let text {
            statement.bind(9, Self.pattern(text) as String?)
            if let digits = Self.digits(of: text) { statement.bind(13, "%\(digits)%" as String?) }
        }
        if isShape, let error = search.errorClass { statement.bind(11, error.rawValue as String?) }
    }
}
