import GuardianCore
import HTTPTypes
import Hummingbird
import NIOCore

extension APIServer {
    /// Lines of NDJSON that share one transaction.
    static let chunk = 1000

    /// One object, an array, or NDJSON; answers after the commit.
    func enqueue(_ request: Request) async throws -> Response {
        var request = request
        let body: ByteBuffer
        do { body = try await request.collectBody(upTo: configuration.bodyLimit) } catch {
            throw Problem(.contentTooLarge, "body too large", "the body is larger than \(configuration.bodyLimit) bytes; send it in parts")
        }
        guard let text = String(validating: body.readableBytesView, as: UTF8.self) else {
            throw Problem(SyncError.validation(field: "body", constraint: "is not valid UTF-8"))
        }
        let type = request.headers[.contentType]?.lowercased() ?? "application/json"
        if type.hasPrefix("application/x-ndjson") { return try await enqueueLines(text) }
        guard type.hasPrefix("application/json") else {
            throw Problem(.unsupportedMediaType, "unsupported media type", "send application/json or application/x-ndjson")
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
                    throw .validation(field: "[\(index)].\(field)", constraint: constraint)
                }
            }
            let receipts = try await engine.enqueue(operations)
            return Self.json(.accepted, ["receipts": .array(receipts.map(\.json))])
        } catch {
            throw Problem(error)
        }
    }

    /// Stops at the first bad line; the lines before it are kept, and the error says how many.
    private func enqueueLines(_ text: String) async throws -> Response {
        var receipts: [Receipt] = []
        var waiting: [NewOperation] = []
        var number = 0
        func fail(_ error: SyncError, at line: Int) -> Problem {
            var problem = Problem(error, line: line)
            problem.extra = [.init("accepted", JSONValue(receipts.count))]
            return problem
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            guard line.contains(where: { !$0.isWhitespace }) else { continue }
            do throws(SyncError) {
                let operation = try NewOperation(jsonText: String(line))
                _ = try engine.admit([operation])
                waiting.append(operation)
                if waiting.count == Self.chunk {
                    receipts += try await engine.enqueue(waiting)
                    waiting = []
                }
            } catch {
                do throws(SyncError) { receipts += try await engine.enqueue(waiting) } catch { throw fail(error, at: number) }
                throw fail(error, at: number)
            }
        }
        do throws(SyncError) { receipts += try await engine.enqueue(waiting) } catch { throw fail(error, at: number) }
        return Self.json(.accepted, ["receipts": .array(receipts.map(\.json))])
    }

    /// Filters in the query; pages by cursor.
    func list(_ request: Request) async throws -> Response {
        let query = request.uri.queryParameters
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
