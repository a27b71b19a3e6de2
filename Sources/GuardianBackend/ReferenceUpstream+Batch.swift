import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// `POST /api/v1/batch`: several operations in one request, each with its own key and its own result.
///
/// The request itself is judged by the mode once; the latency is waited for once; failures from the seed strike operations one by one.
extension ReferenceUpstream {
    /// Operations in one request at most.
    static let largestBatch = 1000

    /// Thrown when the connection is gone, so that nothing is written to it.
    private struct BatchConnectionClosed: Error {}

    private struct Item {
        var call: Call
        var known: Response?
    }

    func batchAnswer(_ request: Request, _ context: ConnectionContext) async throws -> Response {
        var request = request
        let received = try await receive(&request)
        let whole = Call(request, body: received.text)
        if let objection = objection(to: received, of: whole) { return objection }
        let n = log.withLock { $0.append(request.head, body: whole.body, at: .now) }
        state.withLock { $0.batches += 1 }
        let response = try await reply(toBatch: whole, authorization: request.headers[.authorization])
        log.withLock { $0.close(n, status: response?.status.code ?? 0) }
        if let response { return response }
        try await context.channel.close()
        throw BatchConnectionClosed()
    }

    private func reply(toBatch whole: Call, authorization: String?) async throws -> Response? {
        switch state.withLock({ $0.judge(whole, at: .now) }) {
        case .serve: return try await serveBatch(whole, authorization)
        case .refuse(let status, let code, let message, let retryAfter):
            var response = whole.error(.init(code: status), code, message)
            response.headers[.retryAfter] = retryAfter
            return response
        case .stranger(let page): return .page(page)
        case .closeBefore: return nil
        case .closeAfter:
            _ = try await serveBatch(whole, authorization)
            return nil
        }
    }

    private func serveBatch(_ whole: Call, _ authorization: String?) async throws -> Response {
        guard let calls = calls(whole.body, authorization), !calls.isEmpty, calls.count <= Self.largestBatch else {
            return whole.error(.badRequest, "BAD_REQUEST", "operations must be a list of 1 to \(Self.largestBatch) objects")
        }
        state.withLock { $0.requests += calls.count }
        var items = calls.map { Item(call: $0, known: answerWithoutWork($0)) }
        do {
            if configuration.latency > .zero { try await Task.sleep(for: configuration.latency) }
        } catch {
            state.withLock { state in for item in items where item.known == nil { state.release(key: item.call.key) } }
            throw error
        }
        for index in items.indices where items[index].known == nil {
            items[index].known = refusal(of: items[index].call) ?? apply(items[index].call)
        }
        var results: [String] = []
        for item in items { results.append(try await Self.result(of: item)) }
        return whole.data(.ok, "{\"results\":[\(results.joined(separator: ","))]}", etag: nil)
    }

    /// What the mode says of one operation; only poison knows operations.
    private func refusal(of call: Call) -> Response? {
        state.withLock { state in
            guard case .poison = state.mode, case .refuse(let status, let code, let message, _) = state.judge(call, at: .now) else {
                return nil
            }
            state.release(key: call.key)
            return call.error(.init(code: status), code, message)
        }
    }

    private func calls(_ body: String, _ authorization: String?) -> [Call]? {
        do {
            guard let json = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any],
                let operations = json["operations"] as? [[String: Any]]
            else { return nil }
            return try operations.map { operation in
                let content = try operation["body"].map { try JSONSerialization.data(withJSONObject: $0, options: .sortedKeys) }
                return Call(
                    method: HTTPRequest.Method(rawValue: operation["method"] as? String ?? "POST") ?? .post,
                    path: operation["path"] as? String ?? "/", key: operation["idempotency_key"] as? String,
                    ifMatch: operation["if_match"] as? String, authorization: authorization,
                    body: String(decoding: content ?? Data(), as: UTF8.self), trace: operation["trace_id"] as? String,
                    assignsID: configuration.assignsIDs)
            }
        } catch {
            return nil
        }
    }

    private static func result(of item: Item) async throws -> String {
        var text = "{\"idempotency_key\":\(Response.quoted(item.call.key ?? "")),\"status\":\(item.known?.status.code ?? 500)"
        if let etag = item.known?.headers[.eTag] { text += ",\"etag\":\(Response.quoted(etag))" }
        guard let body = item.known?.body else { return text + "}" }
        let gathered = GatheringWriter()
        try await body.write(gathered)
        return text + ",\"body\":\(gathered.text)}"
    }
}

/// Takes a response's body as text.
private final class GatheringWriter: ResponseBodyWriter {
    private let bytes = Mutex(ByteBuffer())
    var text: String { bytes.withLock { String(buffer: $0) } }

    func write(_ buffer: ByteBuffer) async throws {
        bytes.withLock {
            var buffer = buffer
            $0.writeBuffer(&buffer)
        }
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
