import GuardianCore
import GuardianPrivacy
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
        let frozen = search
        let total = try await ask { () async throws(StoreError) in try await store.count(frozen) }
        let begun = ExportWriter(
            format: isJSON ? .json : .csv, includingPayload: withPayload, exportedAt: now, redactor: console.configuration.redactor)
        let body = ResponseBody { writer in
            var (search, export, count) = (frozen, begun, Int64(0))
            export.begin(total: Int(total))
            while true {
                let page = try await store.search(search)
                for operation in page.operations { export.append(operation) }
                count += Int64(page.operations.count)
                if page.next == nil { export.finish() }
                var part: [UInt8] = []
                export.drain(into: &part)
                try await writer.write(ByteBuffer(bytes: part))
                guard let next = page.next else { break }
                search.cursor = next
            }
            try await writer.finish(nil)
            try ended(visit, ConsoleAction.export.auditName, count: count, detail)
        }
        var response = Response(status: .ok, body: body)
        response.headers[.contentType] = isJSON ? "application/json; charset=utf-8" : "text/csv; charset=utf-8"
        let name = "operations-\(now.rfc3339.prefix(19).replacing(":", with: "")).\(isJSON ? "json" : "csv")"
        response.headers[.contentDisposition] = "attachment; filename=\"\(name)\""
        return response
    }
}
