import GuardianCore
import GuardianPrivacy
import Testing

@Suite("Exports")
struct ExportWriterTests {
    static let time = Timestamp(milliseconds: 1_700_000_000_123)

    static func operation(_ id: String, entity: String = "r1", payload: String? = "{\"a\":1}") -> Operation {
        var operation = Operation(
            id: OperationID(id) ?? .text("x"), idempotencyKey: UniqueID(high: 1, low: 2), traceID: UniqueID(high: 3, low: 4),
            type: "update",
            entity: EntityKey(type: "room", id: entity), payload: payload, enqueuedAt: time)
        operation.attemptCount = 2
        operation.nextRetryAt = time.adding(milliseconds: 1000)
        operation.backoffMs = 1000
        return operation
    }

    static func text(_ format: ExportFormat, payload: Bool = false, _ operations: [Operation]) -> String {
        var writer = ExportWriter(format: format, includingPayload: payload, exportedAt: time)
        var out: [UInt8] = []
        writer.begin(total: operations.count)
        for operation in operations { writer.append(operation) }
        writer.finish()
        writer.drain(into: &out)
        return String(decoding: out, as: UTF8.self)
    }

    @Test("CSV has exactly the columns that were agreed, payload last when asked for")
    func columns() {
        let head = "id,operation_type,entity_type,entity_id,enqueued_at,attempt_count,next_retry_at,backoff_ms,status"
        #expect(Self.text(.csv, []) == head + "\r\n")
        #expect(Self.text(.csv, payload: true, []) == head + ",payload\r\n")
        let row = "op-1,update,room,r1,2023-11-14T22:13:20.123Z,2,2023-11-14T22:13:21.123Z,1000,pending"
        #expect(Self.text(.csv, [Self.operation("op-1")]) == head + "\r\n" + row + "\r\n")
        #expect(Self.text(.csv, payload: true, [Self.operation("op-1")]) == head + ",payload\r\n" + row + ",\"{\"\"a\"\":1}\"\r\n")
    }

    @Test(
        "A spreadsheet runs no cell",
        arguments: ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=cmd|' /C calc'!A0", "＝1"])
    func formulas(cell: String) {
        let rows = CSVReader.rows(Self.text(.csv, [Self.operation("op-1", entity: cell)]))
        #expect(rows.count == 2)
        #expect(rows.last?[3].hasPrefix("'") == true)
    }

    @Test("Commas, quotes and line breaks come back as they were", arguments: ["a,b", "a\"b", "a\nb", "a\r\nb", " a ", "\"\""])
    func quoting(cell: String) {
        let rows = CSVReader.rows(Self.text(.csv, [Self.operation("op-1", entity: cell)]))
        #expect(rows.last?[3] == cell)
    }

    @Test("Every format is redacted, in every column", arguments: ExportFormat.allCases)
    func redacted(format: ExportFormat) {
        var operation = Self.operation(
            "anna@example.com", entity: "eve@example.com", payload: #"{"password":"canary-1","note":"call 555-123-4567"}"#)
        operation.base = #"{"token":"canary-2"}"#
        operation.lastError = LastError(class: .permanent, code: "BAD", message: "card 4111111111111111")
        let text = Self.text(format, payload: true, [operation])
        for secret in ["anna@", "eve@", "canary", "555-123", "4111"] { #expect(!text.contains(secret), "\(text)") }
    }

    @Test("Ids that are numbers are no phones")
    func numbers() {
        let text = Self.text(.csv, [Self.operation("0612345678", entity: "0171 1234567")])
        #expect(text.contains("0612345678") && text.contains("0171 1234567"))
    }

    @Test("JSON says when, how many, and which; NDJSON only which")
    func json() throws {
        let whole = try JSONValue(parsing: Self.text(.json, [Self.operation("a"), Self.operation("b")]))
        #expect(whole.members?.map(\.name) == ["exported_at", "total_count", "operations"])
        #expect(whole["total_count"]?.integer == 2)
        #expect(whole["operations"]?.elements?.map { $0["id"]?.string } == ["a", "b"])
        #expect(whole["operations"]?.elements?.first?["payload"] == nil)
        #expect(try JSONValue(parsing: Self.text(.json, []))["operations"]?.elements == [])
        let lines = Self.text(.ndjson, payload: true, [Self.operation("a"), Self.operation("b")]).split(separator: "\n")
        #expect(try lines.map { try JSONValue(parsing: String($0))["payload"]?["a"]?.integer } == [1, 1])
    }
}
