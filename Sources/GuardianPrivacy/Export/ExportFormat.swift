/// How exported operations are written.
package enum ExportFormat: String, Sendable, CaseIterable {
    /// RFC 4180: a header, one row for each operation, CRLF.
    case csv
    /// One object with all of them in a list.
    case json
    /// One object a line.
    case ndjson
}
