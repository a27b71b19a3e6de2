import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

extension ReferenceUpstream {
    /// Thrown when the connection is gone, so that nothing is written to it.
    private struct ConnectionClosed: Error {}

    func answer(_ request: Request, _ context: ConnectionContext) async throws -> Response {
        var request = request
        let received = try await receive(&request)
        let call = Call(request, body: received.text, assignsID: configuration.assignsIDs)
        let n = log.withLock { $0.append(request.head, body: call.body, at: .now) }
        let response = try await reply(to: call, received)
        log.withLock { $0.close(n, status: response?.status.code ?? 0) }
        if let response { return response }
        try await context.channel.close()
        throw ConnectionClosed()
    }

    /// nil is no answer, but the end of the connection.
    private func reply(to call: Call, _ received: ReceivedBody) async throws -> Response? {
        if !call.isRead { state.withLock { $0.requests += 1 } }
        if let objection = objection(to: received, of: call) { return objection }
        switch state.withLock({ $0.judge(call, at: .now) }) {
        case .serve: return try await serve(call)
        case .refuse(let status, let code, let message, let retryAfter):
            var response = call.error(.init(code: status), code, message)
            response.headers[.retryAfter] = retryAfter
            if status == 401 { response.headers[.wwwAuthenticate] = "Bearer error=\"invalid_token\"" }
            return response
        case .stranger(let page): return .page(page)
        case .closeBefore: return nil
        case .closeAfter:
            _ = try await serve(call)
            return nil
        }
    }

    private func serve(_ call: Call) async throws -> Response {
        if call.isRead { return read(call) }
        if let known = answerWithoutWork(call) { return known }
        do {
            if configuration.latency > .zero { try await Task.sleep(for: configuration.latency) }
        } catch {
            state.withLock { $0.release(key: call.key) }
            throw error
        }
        return apply(call)
    }

    /// Reserves the key of what is to be done; an answer where nothing is.
    func answerWithoutWork(_ call: Call) -> Response? {
        switch state.withLock({ $0.admit(key: call.key, bodyHash: Self.hash(call.meaning), at: .now) }) {
        case .inProgress: return call.error(.conflict, "IDEMPOTENCY_IN_PROGRESS", "a request with this key is under way")
        case .reused: return call.error(.unprocessableContent, "IDEMPOTENCY_KEY_REUSED", "this key came with another body before")
        case .replay(let known):
            var response = call.data(.init(code: known.status), known.data, etag: known.etag)
            response.headers["Idempotent-Replayed"] = "true"
            return response
        case .apply: return nil
        }
    }

    func apply(_ call: Call) -> Response {
        state.withLock { state in
            let fails = configuration.failureRate > 0 && state.chance() < configuration.failureRate
            let losesAnswer = fails && state.chance() < 0.25
            if fails { state.injectedFailures += 1 }
            if fails, !losesAnswer {
                state.release(key: call.key)
                return call.error(state.chance() < 0.5 ? .serviceUnavailable : .internalServerError, "INJECTED", "a failure on demand")
            }
            guard let content = call.content else {
                state.release(key: call.key)
                return call.error(.badRequest, "BAD_REQUEST", "the body is not a JSON object")
            }
            if let refused = Self.precondition(call, state.entity(call.entity)) {
                state.release(key: call.key)
                return refused
            }
            let now = Date.now
            let effect = Effect(
                n: state.effects.count + 1, idempotencyKey: call.key ?? "none-\(UUID().uuidString)", operationID: content.operationID,
                method: call.method.rawValue, path: call.path, entity: call.entity, traceID: call.trace, payloadSeq: content.seq,
                at: now.rfc3339)
            let stored = UpstreamState.StoredAnswer(
                status: call.method == .post ? 201 : 200, data: content.text,
                etag: call.method == .delete ? nil : state.nextETag(call.entity), bodyHash: Self.hash(call.meaning), at: now)
            do { try journal.withLock { try $0?.append(effect, stored) } } catch {
                state.release(key: call.key)
                return call.error(.internalServerError, "JOURNAL", "the effect can't be kept: \(error)")
            }
            state.record(effect, stored)
            if losesAnswer { return call.error(.internalServerError, "ANSWER_LOST", "applied, but you are not told") }
            return call.data(.init(code: stored.status), stored.data, etag: stored.etag)
        }
    }

    /// 404 for a delete of nothing, 409 for a create of something, 412 when `If-Match` does not match.
    private static func precondition(_ call: Call, _ entity: UpstreamState.Entity?) -> Response? {
        if let wanted = call.ifMatch, wanted != entity?.etag {
            return call.error(.preconditionFailed, "PRECONDITION_FAILED", "\(call.entity) is at version \(entity?.version ?? 0)")
        }
        if call.method == .delete, entity == nil { return call.error(.notFound, "NOT_FOUND", "no \(call.entity)") }
        if call.method == .post, entity != nil { return call.error(.conflict, "CONFLICT", "\(call.entity) exists") }
        return nil
    }

    private func read(_ call: Call) -> Response {
        guard let entity = state.withLock({ $0.entity(call.path) }) else { return call.error(.notFound, "NOT_FOUND", "no \(call.path)") }
        return call.data(.ok, entity.body, etag: entity.etag)
    }

    /// The same for the same bytes, also after a restart (FNV-1a).
    private static func hash(_ text: String) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return Int(truncatingIfNeeded: hash >> 1)
    }
}
