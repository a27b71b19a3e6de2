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
        guard ["", "identity"].contains((request.headers[.contentEncoding] ?? "").lowercased()) else {
            var problem = Problem(.unsupportedMediaType, "unsupported content coding", "send the body as it is, without a Content-Encoding")
            problem.fields[.acceptEncoding] = "identity"
            throw problem
        }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > configuration.bodyLimit { throw tooLarge }
        if type == "application/x-ndjson" { return try await enqueueLines(request) }
        var request = request
        let body: ByteBuffer
        do { body = try await request.collectBody(upTo: configuration.bodyLimit) } catch is NIOTooManyBytesError { throw tooLarge }
        guard let text = String(validating: body.readableBytesView, as: UTF8.self) else {
            throw Problem(SyncError.validation(field: "body", constraint: "is not valid UTF-8"))
        }
        let key = try RepeatGuard.key(Self.idempotencyKey.flatMap { request.headers[$0] })
        let isFirst = try key.map { try repeats.check($0, body: text.utf8) } ?? false
        func operation(_ json: JSONValue, _ place: Int) throws(SyncError) -> NewOperation {
            var operation = try NewOperation(json: json)
            if let key, operation.id == nil { operation.id = RepeatGuard.id(key, place, of: json.text.utf8) }
            return operation
        }
        do throws(SyncError) {
            let limits = engine.configuration.limits
            var operations: [NewOperation] = []
            // One at a time: what is built of a body is much larger than the body.
            let isArray = try JSONValue.forEachElement(of: text, field: "body", most: limits.operationBytes) {
                (json: JSONValue, place: Int?) throws(SyncError) -> Void in
                guard let place else { return operations.append(try operation(json, 0)) }
                guard place < limits.batch else {
                    throw SyncError.validation(field: "operations", constraint: "at most \(limits.batch) in one call")
                }
                do throws(SyncError) { operations.append(try operation(json, place)) } catch {
                    guard case .validation(let field, let constraint) = error else { throw error }
                    throw SyncError.validation(field: "operations[\(place)].\(field)", constraint: constraint)
                }
            }
            guard isArray else { return Self.json(.accepted, try await engine.enqueue(operations[0]).json) }
            let receipts: [Receipt]
            do throws(SyncError) { receipts = try await engine.enqueue(operations) } catch {
                guard operations.count == 1, case .validation(let field, let constraint) = error else { throw error }
                throw .validation(field: "operations[0].\(field)", constraint: constraint)
            }
            return Self.json(.accepted, ["receipts": .array(receipts.map(\.json))])
        } catch {
            if isFirst, let key, case .validation = error { repeats.forget(key) }
            throw Problem(error)
        }
    }

    private var tooLarge: Problem { .tooLarge(configuration.bodyLimit) }

    static let idempotencyKey = HTTPField.Name("Idempotency-Key")

    /// Enqueues line by line as the body comes in; stops at the first bad line and keeps those before it.
    private func enqueueLines(_ request: Request) async throws -> Response {
        var intake = LineIntake(engine: engine, key: try RepeatGuard.key(Self.idempotencyKey.flatMap { request.headers[$0] }))
        var size = 0
        for try await part in request.body {
            size += part.readableBytes
            guard size <= configuration.bodyLimit else { throw await intake.stop(tooLarge) }
            try await intake.take(part.readableBytesView)
        }
        try await intake.finish()
        return Self.json(.accepted, ["receipts": .array(intake.receipts.map(\.json))])
    }

    /// Filters in the query; pages by cursor. A page may end before it is full: as long as there is a `next_cursor`, more may follow.
    func list(_ request: Request) async throws -> Response {
        let search = try SearchQuery(request.uri.queryParameters.map { ($0.key, $0.value) }).search
        let page: SearchPage
        do throws(StoreError) { page = try await store.search(search) } catch { throw Problem(SyncError.store(error)) }
        var members: [JSONValue.Member] = [.init("operations", .array(page.operations.map { $0.json() }))]
        if let next = page.next { members.append(.init("next_cursor", .string(SearchQuery.text(ofCursor: next)))) }
        return Self.json(.ok, .object(members))
    }
}
