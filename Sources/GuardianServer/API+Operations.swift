import GuardianCore
import HTTPTypes
import Hummingbird
import NIOCore

extension API {
    /// One object, an array, or NDJSON; answers after the commit.
    func enqueue(_ request: Request) async throws -> Response {
        let type = (request.headers[.contentType] ?? "application/json").prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        guard type == "application/json" || type == "application/x-ndjson" else {
            throw Problem(.unsupportedMediaType, "unsupported media type", "send application/json or application/x-ndjson")
        }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > configuration.bodyLimit { throw tooLarge }
        if type == "application/x-ndjson" { return try await enqueueLines(request) }
        var request = request
        let body: ByteBuffer
        do { body = try await request.collectBody(upTo: configuration.bodyLimit) } catch is NIOTooManyBytesError { throw tooLarge }
        guard let text = String(validating: body.readableBytesView, as: UTF8.self) else {
            throw Problem(SyncError.validation(field: "body", constraint: "is not valid UTF-8"))
        }
        do throws(SyncError) {
            let json: JSONValue
            do throws(JSONScanner.Defect) { json = try JSONValue(parsing: text) } catch {
                throw .validation(field: "body", constraint: "\(error.constraint) (at byte \(error.offset))")
            }
            guard let elements = json.elements else {
                return Self.json(.accepted, try await engine.enqueue(try NewOperation(json: json)).json)
            }
            var operations: [NewOperation] = []
            for (index, element) in elements.enumerated() {
                do throws(SyncError) { operations.append(try NewOperation(json: element)) } catch {
                    guard case .validation(let field, let constraint) = error else { throw error }
                    throw .validation(field: "operations[\(index)].\(field)", constraint: constraint)
                }
            }
            let receipts: [Receipt]
            do throws(SyncError) { receipts = try await engine.enqueue(operations) } catch {
                guard operations.count == 1, case .validation(let field, let constraint) = error else { throw error }
                throw .validation(field: "operations[0].\(field)", constraint: constraint)
            }
            return Self.json(.accepted, ["receipts": .array(receipts.map(\.json))])
        } catch {
            throw Problem(error)
        }
    }

    private var tooLarge: Problem { .tooLarge(configuration.bodyLimit) }

    /// Enqueues line by line as the body comes in; stops at the first bad line and keeps those before it.
    private func enqueueLines(_ request: Request) async throws -> Response {
        var intake = LineIntake(engine: engine)
        var size = 0
        for try await part in request.body {
            size += part.readableBytes
            guard size <= configuration.bodyLimit else { throw await intake.stop(tooLarge) }
            try await intake.take(part.readableBytesView)
        }
        try await intake.finish()
        return Self.json(.accepted, ["receipts": .array(intake.receipts.map(\.json))])
    }

    private static let filters = [
        "status", "operation_type", "entity_type", "entity_id", "trace_id", "since", "until", "limit", "cursor",
    ]

    /// Filters in the query; pages by cursor.
    func list(_ request: Request) async throws -> Response {
        let query = request.uri.queryParameters
        for (name, _) in query where !Self.filters.contains(String(name)) {
            let near = NearestName.of(String(name), in: Self.filters).map { "; did you mean \($0)?" } ?? ""
            throw Problem(SyncError.validation(field: String(name.prefix(64)), constraint: "is not a filter" + near))
        }
        func bad(_ field: String, _ constraint: String) -> Problem { Problem(SyncError.validation(field: field, constraint: constraint)) }
        var filter = OperationFilter()
        if let text = query["status"] {
            guard let status = Operation.Status(name: String(text)) else { throw bad("status", "must be pending, processing or failed") }
            filter.status = status
        }
        filter.operationType = query["operation_type"].map { String($0) }
        filter.entityType = query["entity_type"].map { String($0) }
        filter.entityID = query["entity_id"].map { String($0) }
        if let text = query["trace_id"] {
            guard let trace = UniqueID(String(text)) else { throw bad("trace_id", "must be a UUID") }
            filter.traceID = trace
        }
        for (name, path) in [("since", \OperationFilter.since), ("until", \OperationFilter.until)] {
            guard let text = query[name[...]] else { continue }
            guard let time = Timestamp(rfc3339: String(text)) else { throw bad(name, "must be an RFC 3339 time") }
            filter[keyPath: path] = time
        }
        if let text = query["limit"] {
            guard let limit = Int(text), (1...1000).contains(limit) else { throw bad("limit", "must be between 1 and 1000") }
            filter.limit = limit
        }
        if let text = query["cursor"] {
            guard let cursor = Int64(text, radix: 36), cursor >= 0 else {
                throw bad("cursor", "must be the next_cursor of an earlier page")
            }
            filter.afterSeq = cursor
        }
        let found: [Operation]
        do throws(StoreError) { found = try await store.list(filter) } catch { throw Problem(SyncError.store(error)) }
        var members: [JSONValue.Member] = [.init("operations", .array(found.map { $0.json() }))]
        if found.count == filter.limit, let last = found.last { members.append(.init("next_cursor", .string(String(last.seq, radix: 36)))) }
        return Self.json(.ok, .object(members))
    }
}
