import GuardianCore
import GuardianPrivacy
import HTTPTypes
import Hummingbird
import NIOCore

extension ConsolePages {
    /// Operations that an export reads at once; what they carry bounds a page as well.
    private static let exportPage = 200
    /// Bytes that an export sends at once, give or take one operation.
    private static let exportPart = 64 << 10

    /// Streams what is stored, redacted, page by page: a million rows need no more memory than a page.
    func export(_ visit: Visit) async throws -> Response {
        let isJSON = visit.form["format"] == "json"
        let withPayload = visit.form["payload"] == "1"
        var all = OperationSearch(status: visit.form["failed_only"] == "1" ? .failed : nil, limit: Self.exportPage)
        all.includesPayload = withPayload
        let set = try await frozen(all)
        let name = ConsoleAction.export.auditName
        let detail = "\(isJSON ? "json" : "csv"), \(Self.words(of: set))\(withPayload ? ", with payloads" : "")"
        try ask(visit, name, detail)
        let export = ExportWriter(
            format: isJSON ? .json : .csv, includingPayload: withPayload, exportedAt: now, redactor: console.configuration.redactor)
        let body = ResponseBody { writer in
            var count: Int64 = 0
            do { try await write(set, export, to: &writer, &count) } catch {
                try ended(visit, name, count: count, detail + ": broke off", outcome: "failed")
                throw error
            }
            try ended(visit, name, count: count, detail)
        }
        var response = Response(status: .ok, body: body)
        response.headers[.contentType] = isJSON ? "application/json; charset=utf-8" : "text/csv; charset=utf-8"
        let file = "operations-\(now.rfc3339.prefix(19).replacing(":", with: "")).\(isJSON ? "json" : "csv")"
        response.headers[.contentDisposition] = "attachment; filename=\"\(file)\""
        return response
    }

    /// Writes a set to its end; `count` is how many were written. What leaves the set meanwhile is not in it, so the total comes last.
    private func write(
        _ set: OperationSearch, _ begun: ExportWriter, to writer: inout any ResponseBodyWriter, _ count: inout Int64
    ) async throws {
        var (search, export) = (set, begun)
        var part: [UInt8] = []
        export.begin()
        while true {
            let page = try await store.search(search)
            for operation in page.operations {
                export.append(operation)
                count += 1
                guard export.waiting >= Self.exportPart else { continue }
                export.drain(into: &part)
                try await writer.write(ByteBuffer(bytes: part))
                part.removeAll(keepingCapacity: true)
            }
            guard let next = page.next else { break }
            search.cursor = next
        }
        export.finish(total: Int(count))
        export.drain(into: &part)
        try await writer.write(ByteBuffer(bytes: part))
        try await writer.finish(nil)
    }
}
