import GuardianCore
import Hummingbird

/// Filters in a URL: the same names in the API and in the console.
struct SearchQuery {
    static let names = [
        "status", "operation_type", "entity_type", "entity_id", "trace_id", "since", "until", "error_class", "cause", "q", "through",
        "as_of", "order", "limit", "cursor",
    ]
    /// Those that say which page, or where a set is frozen: the others say what is looked for.
    static let places: Set = ["through", "as_of", "order", "limit", "cursor"]

    /// A text that is looked for has so many bytes at most.
    static let longestText = 256

    var search = OperationSearch()

    /// Throws a ``Problem`` that names the first parameter that can't be understood, or that stands there again: what is shown and what is
    /// done must be the same set. `ignoring`: names that somebody else reads.
    init(_ query: some Sequence<(key: Substring, value: Substring)>, ignoring others: Set<String> = [], ignoresEmpty: Bool = false) throws {
        var seen: Set<String> = []
        for (key, value) in query {
            let (name, text) = (String(key), String(value))
            guard seen.insert(name).inserted else { throw Self.bad(Problem.beginning(of: name, 64), "must stand there once") }
            if others.contains(name) || ignoresEmpty && text.isEmpty { continue }
            try take(name, text)
        }
    }

    private mutating func take(_ name: String, _ text: String) throws {
        switch name {
        case "status": search.status = try Self.known(Operation.Status(name: text), name, "must be pending, processing or failed")
        case "operation_type": search.operationType = text
        case "entity_type": search.entityType = text
        case "entity_id": search.entityID = text
        case "trace_id": search.traceID = try Self.known(UniqueID(text), name, "must be a UUID")
        case "since": search.since = try Self.known(Timestamp(rfc3339: text), name, "must be an RFC 3339 time")
        case "until": search.until = try Self.known(Timestamp(rfc3339: text), name, "must be an RFC 3339 time")
        case "error_class":
            let classes = ErrorClass.allCases.map(\.rawValue).joined(separator: ", ")
            search.errorClass = try Self.known(ErrorClass(rawValue: text), name, "must be one of \(classes)")
        case "cause": search.shape = try Self.known(Self.cause(text), name, "must be the cause of a group of failures")
        case "q":
            guard text.utf8.count <= Self.longestText, !text.utf8.contains(0) else {
                throw Self.bad(name, "must have \(Self.longestText) bytes at most")
            }
            search.text = text
        case "through": search.through = try Self.known(Self.number(text), name, "must be the number of an operation")
        case "as_of": search.asOf = try Self.known(Timestamp(rfc3339: text), name, "must be an RFC 3339 time")
        case "order":
            guard text == "asc" || text == "desc" else { throw Self.bad(name, "must be asc or desc") }
            search.isNewestFirst = text == "desc"
        case "limit":
            guard let limit = Int(text), (1...1000).contains(limit) else { throw Self.bad(name, "must be between 1 and 1000") }
            search.limit = limit
        case "cursor": search.cursor = try Self.known(Self.cursor(text), name, "must be the next_cursor of an earlier page")
        default:
            let near = NearestName.of(name, in: Self.names).map { "; did you mean \($0)?" } ?? ""
            throw Self.bad(Problem.beginning(of: name, 64), "is not a filter" + near)
        }
    }

    private static func known<Value>(_ value: Value?, _ name: String, _ constraint: String) throws -> Value {
        guard let value else { throw bad(name, constraint) }
        return value
    }

    private static func bad(_ field: String, _ constraint: String) -> Problem {
        Problem(SyncError.validation(field: field, constraint: constraint))
    }

    // MARK: Numbers in URLs

    static func cursor(_ text: String) -> Int64? { Int64(text, radix: 36).flatMap { $0 >= 0 ? $0 : nil } }
    static func text(ofCursor cursor: Int64) -> String { String(cursor, radix: 36) }
    static func number(_ text: String) -> Int64? { Int64(text).flatMap { $0 >= 0 ? $0 : nil } }
    /// 16 hexadecimal digits.
    static func cause(_ text: String) -> Int64? {
        text.utf8.count == 16 ? UInt64(text, radix: 16).map { Int64(bitPattern: $0) } : nil
    }
    static func text(ofCause shape: Int64) -> String {
        let digits = String(UInt64(bitPattern: shape), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
