import GuardianCore
import HTTPTypes
import Hummingbird
import NIOCore

extension ConsolePages {
    /// Streams what is stored, redacted, page by page: a million rows need no more memory than a thousand.
    func export(_ visit: Visit) async throws -> Response {
        let isJSON = visit.form["format"] == "json"
        let withPayload = visit.form["payload"] == "1"
        var search = OperationSearch(status: visit.form["failed_only"] == "1" ? .failed : nil, limit: 1000)
        search.through = try await ask { () async throws(StoreError) in try await store.newestSeq() }
        let detail = "\(isJSON ? "json" : "csv"), \(Self.words(of: search))\(withPayload ? ", with payloads" : "")"
        try ask(visit, ConsoleAction.export.auditName, detail)
        let (begin, end) = (isJSON ? "{\"operations\":[\n" : Self.csvHeader(withPayload), isJSON ? "\n]}\n" : "")
        let frozen = search
        let body = ResponseBody { writer in
            try await writer.write(ByteBuffer(string: begin))
            var search = frozen
            var count: Int64 = 0
            while true {
                let page = try await store.search(search)
                var part = ""
                for operation in page.operations {
                    if isJSON, count > 0 { part += ",\n" }
                    part += isJSON ? json(operation, withPayload) : csv(operation, withPayload)
                    count += 1
                }
                try await writer.write(ByteBuffer(string: part))
                guard let next = page.next else { break }
                search.cursor = next
            }
            try await writer.write(ByteBuffer(string: end))
            try await writer.finish(nil)
            try ended(visit, ConsoleAction.export.auditName, count: count, detail)
        }
        var response = Response(status: .ok, body: body)
        response.headers[.contentType] = isJSON ? "application/json; charset=utf-8" : "text/csv; charset=utf-8"
        let name = "operations-\(now.rfc3339.prefix(19).replacing(":", with: "")).\(isJSON ? "json" : "csv")"
        response.headers[.contentDisposition] = "attachment; filename=\"\(name)\""
        return response
    }

    private static func csvHeader(_ withPayload: Bool) -> String {
        "id,operation_type,entity_type,entity_id,enqueued_at,attempt_count,next_retry_at,backoff_ms,status"
            + (withPayload ? ",payload\r\n" : "\r\n")
    }

    private func csv(_ operation: Operation, _ withPayload: Bool) -> String {
        var cells = [
            operation.id.description, operation.type, operation.entity.type, redact(operation.entity.id), operation.enqueuedAt.rfc3339,
            "\(operation.attemptCount)", operation.nextRetryAt?.rfc3339 ?? "", "\(operation.backoffMs)", operation.status.name,
        ]
        if withPayload { cells.append(redactedPayload(operation)?.text ?? "") }
        return cells.map(Self.cell).joined(separator: ",") + "\r\n"
    }

    private func json(_ operation: Operation, _ withPayload: Bool) -> String {
        var members = redact(operation.json(includingPayload: false)).members ?? []
        if withPayload, let payload = redactedPayload(operation) { members.append(.init("payload", payload)) }
        return JSONValue.object(members).text
    }

    private func redactedPayload(_ operation: Operation) -> JSONValue? {
        guard let payload = operation.payload else { return nil }
        do throws(JSONScanner.Defect) { return redact(try JSONValue(parsing: payload)) } catch { return .string(redact(payload)) }
    }

    /// RFC 4180; what a spreadsheet would take for a formula is defused.
    private static func cell(_ text: String) -> String {
        var text = text
        if let first = text.first, "=+-@\t\r".contains(first) { text = "'" + text }
        guard text.contains(where: { ",\"\r\n".contains($0) }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
