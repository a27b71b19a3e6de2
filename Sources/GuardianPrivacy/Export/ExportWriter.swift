package import GuardianCore

/// Turns operations into the bytes of an export (spec section 10), redacted always.
///
/// Call ``begin(total:)``, ``append(_:)`` for each operation, ``finish(total:)``, and take the bytes with ``drain(into:)`` as often as is
/// convenient: the writer itself keeps nothing but what has not been taken.
package struct ExportWriter: Sendable {
    /// The columns of CSV, in their order; `payload` comes behind them when it is asked for.
    package static let columns = [
        "id", "operation_type", "entity_type", "entity_id", "enqueued_at", "attempt_count", "next_retry_at", "backoff_ms", "status",
    ]

    package let format: ExportFormat
    private let includesPayload: Bool
    private let redactor: Redactor
    private let exportedAt: Timestamp
    private var row = CSVRow()
    private var bytes: [UInt8] = []
    private var isFirst = true

    package init(format: ExportFormat, includingPayload: Bool, exportedAt: Timestamp, redactor: Redactor = .standard) {
        self.format = format
        self.includesPayload = includingPayload
        self.exportedAt = exportedAt
        self.redactor = redactor
    }

    /// Bytes that wait to be taken.
    package var waiting: Int { bytes.count }

    /// `total` may be left to ``finish(total:)`` where it is not known yet.
    package mutating func begin(total: Int? = nil) {
        switch format {
        case .csv:
            for column in Self.columns + (includesPayload ? ["payload"] : []) { row.plain(column) }
            row.end()
            row.drain(into: &bytes)
        case .json:
            let count = total.map { "\"total_count\":\($0)," } ?? ""
            bytes.append(contentsOf: "{\"exported_at\":\"\(exportedAt.rfc3339)\",\(count)\"operations\":[".utf8)
        case .ndjson: break
        }
    }

    package mutating func append(_ operation: Operation) {
        switch format {
        case .csv:
            cells(operation)
            row.end()
            row.drain(into: &bytes)
        case .json:
            bytes.append(contentsOf: (isFirst ? "\n" : ",\n").utf8)
            isFirst = false
            object(operation).write(to: &bytes)
        case .ndjson:
            object(operation).write(to: &bytes)
            bytes.append(0x0A)
        }
    }

    /// `total` is what was not said at the beginning.
    package mutating func finish(total: Int? = nil) {
        guard format == .json else { return }
        let count = total.map { ",\"total_count\":\($0)" } ?? ""
        bytes.append(contentsOf: "\n]\(count)}\n".utf8)
    }

    /// Appends what waits to `out`, and forgets it.
    package mutating func drain(into out: inout [UInt8]) {
        out.append(contentsOf: bytes)
        bytes.removeAll(keepingCapacity: true)
    }

    // MARK: CSV

    private mutating func cells(_ operation: Operation) {
        switch operation.id {
        case .uuid(let uuid): row.plain(uuid.description)
        case .text(let text): row.text(identifier(text))
        }
        row.text(identifier(operation.type))
        row.text(identifier(operation.entity.type))
        row.text(identifier(operation.entity.id))
        row.plain(operation.enqueuedAt.rfc3339)
        row.number(Int64(operation.attemptCount))
        if let next = operation.nextRetryAt { row.plain(next.rfc3339) } else { row.empty() }
        row.number(operation.backoffMs)
        row.plain(operation.status.name)
        if includesPayload { row.text(operation.payload.map { redactor.redact(json: $0) } ?? "") }
    }

    /// A name of a thing: numbers in it are nobody's phone.
    private func identifier(_ text: String) -> String {
        var text = text
        return text.withUTF8 { redactor.scan($0, hint: .id) }.map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    // MARK: JSON

    private func object(_ operation: Operation) -> JSONValue {
        guard case .object(let members) = operation.json(includingPayload: includesPayload) else { return .null }
        return .object(
            members.map { member in
                // Ours to name and to number: never somebody's.
                if Self.isOwn(member.name, of: operation) { return member }
                if case .string(let text) = member.value, Self.identifiers.contains(member.name) {
                    return .init(member.name, .string(identifier(text)))
                }
                return .init(member.name, redactor.redact(member.value))
            })
    }

    private static func isOwn(_ name: String, of operation: Operation) -> Bool {
        if own.contains(name) { return true }
        if name == "id", case .uuid = operation.id { return true }
        return false
    }

    private static let own: Set<String> = [
        "seq", "status", "idempotency_key", "trace_id", "priority", "not_before", "expires_at", "principal", "schema_version",
        "enqueued_at",
        "updated_at", "attempt_count", "tries", "last_attempt_at", "next_retry_at", "backoff_ms",
    ]

    private static let identifiers: Set<String> = ["id", "operation_type", "entity_type", "entity_id", "ordering_key", "txn_token"]
}
