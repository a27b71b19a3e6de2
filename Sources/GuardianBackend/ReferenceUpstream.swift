import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// The reference upstream (spec section 10): an HTTP API that honours `Idempotency-Key`, versions its entities, and fails on demand.
public final class ReferenceUpstream: Sendable {
    public let configuration: ReferenceUpstreamConfiguration
    private let state: Mutex<UpstreamState>
    private let journal: Mutex<EffectJournal?>

    /// Throws when the data directory can't be used.
    public init(_ configuration: ReferenceUpstreamConfiguration) throws {
        self.configuration = configuration
        var state = UpstreamState(seed: configuration.seed, window: configuration.idempotencyWindow)
        let journal = try configuration.dataDirectory.map(EffectJournal.init(directory:))
        try journal?.load(into: &state)
        self.state = Mutex(state)
        self.journal = Mutex(journal)
    }

    /// What was applied so far.
    public var effects: [Effect] { state.withLock { $0.effects } }

    public var duplicateEffects: Int { state.withLock { $0.duplicateKeys } }

    public func setMode(_ mode: UpstreamMode) { state.withLock { $0.mode = mode } }

    /// Serves until cancelled; `onReady` gets the port.
    public func run(onReady: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
        var logger = Logger(label: "guardian.backend")
        logger.logLevel = .critical
        let router = Router()
        router.get("healthz") { _, _ in "ok" }
        router.get("_effects") { [self] request, _ in effectsAnswer(request) }
        router.get("_effects/summary") { [self] _, _ in summary() }
        router.put("_mode") { [self] request, _ in try await changeMode(request) }
        for method in [HTTPRequest.Method.post, .put, .patch, .delete, .get] {
            router.on("api/**", method: method) { [self] request, _ in try await answer(request) }
        }
        let application = Application(
            router: router, configuration: .init(address: .hostname(configuration.host, port: configuration.port)),
            onServerRunning: { channel in onReady(channel.localAddress?.port ?? 0) }, logger: logger)
        try await application.runService(gracefulShutdownSignals: [])
    }

    // MARK: The API

    private func answer(_ request: Request) async throws -> Response {
        var request = request
        let path = request.uri.path
        if request.method == .get { return read(path) }
        state.withLock { $0.requests += 1 }
        let body: String
        do {
            body = String(buffer: try await request.collectBody(upTo: configuration.bodyLimit))
        } catch {
            return Self.error(.contentTooLarge, "PAYLOAD_TOO_LARGE", "the body is larger than \(configuration.bodyLimit) bytes")
        }
        if let forced = forcedAnswer() { return forced }
        let key = HTTPField.Name("Idempotency-Key").flatMap { request.headers[$0] }
        switch state.withLock({ $0.admit(key: key, bodyHash: Self.hash(body)) }) {
        case .inProgress: return Self.error(.conflict, "IDEMPOTENCY_IN_PROGRESS", "a request with this key is under way")
        case .reused: return Self.error(.unprocessableContent, "IDEMPOTENCY_KEY_REUSED", "this key came with another body before")
        case .replay(let known): return Self.response(known, replayed: true)
        case .apply: break
        }
        if configuration.latency > .zero {
            do { try await Task.sleep(for: configuration.latency) } catch {
                state.withLock { $0.release(key: key) }
                throw error
            }
        }
        return try apply(request, key: key, path: path, body: body)
    }

    private func apply(_ request: Request, key: String?, path: String, body: String) throws -> Response {
        let content = Self.content(of: body)
        return try state.withLock { state in
            let fails = configuration.failureRate > 0 && state.chance() < configuration.failureRate
            let losesAnswer = fails && state.chance() < 0.25
            if fails { state.injectedFailures += 1 }
            if fails, !losesAnswer {
                state.release(key: key)
                return Self.error(state.chance() < 0.5 ? .serviceUnavailable : .internalServerError, "INJECTED", "a failure on demand")
            }
            guard let content else {
                state.release(key: key)
                return Self.error(.badRequest, "BAD_REQUEST", "the body is not a JSON object")
            }
            let entity = Self.entityPath(request.method, path, content)
            if let refused = Self.precondition(request, state.entity(entity), entity) {
                state.release(key: key)
                return refused
            }
            var etag: String?
            if request.method == .delete {
                state.delete(entity)
            } else {
                etag = "\"v\(state.write(entity, body: content.text))\""
            }
            let stored = UpstreamState.StoredAnswer(
                status: request.method == .post ? 201 : 200, body: Self.envelope(data: content.text, trace: content.traceID), etag: etag,
                bodyHash: Self.hash(body), at: .now)
            let effect = state.record(
                key: key ?? "none-\(UUID().uuidString)", method: request.method.rawValue, path: path, entity: entity,
                traceID: content.traceID, payloadSeq: content.seq, at: Self.now())
            try journal.withLock { try $0?.append(effect, answer: stored, body: content.text) }
            state.remember(key: key, stored)
            return losesAnswer ? Self.error(.internalServerError, "ANSWER_LOST", "applied, but you are not told") : Self.response(stored)
        }
    }

    /// 404 for a delete of nothing, 409 for a create of something, 412 when `If-Match` does not match.
    private static func precondition(_ request: Request, _ entity: UpstreamState.Entity?, _ path: String) -> Response? {
        let wanted = request.headers[.ifMatch]
        if let wanted, wanted != entity.map({ "\"v\($0.version)\"" }) {
            return error(.preconditionFailed, "PRECONDITION_FAILED", "\(path) is at version \(entity?.version ?? 0)")
        }
        if request.method == .delete, entity == nil { return error(.notFound, "NOT_FOUND", "no \(path)") }
        if request.method == .post, entity != nil { return error(.conflict, "CONFLICT", "\(path) exists") }
        return nil
    }

    private func read(_ path: String) -> Response {
        guard let entity = state.withLock({ $0.entity(path) }) else { return Self.error(.notFound, "NOT_FOUND", "no \(path)") }
        return Self.json(.ok, Self.envelope(data: entity.body, trace: ""), etag: "\"v\(entity.version)\"")
    }

    /// The answer of a mode other than `up`.
    private func forcedAnswer() -> Response? {
        state.withLock { state in
            guard case .status(let status, let remaining, let retryAfter, let body, let type) = state.mode else { return nil }
            if let remaining {
                state.mode =
                    remaining <= 1 ? .up : .status(status, remaining: remaining - 1, retryAfter: retryAfter, body: body, contentType: type)
            }
            var response = Self.error(.init(code: status), "FORCED", "the mode says so")
            if let body {
                response = Response(status: .init(code: status), body: .init(byteBuffer: ByteBuffer(string: body)))
                response.headers[.contentType] = type ?? "application/json"
            }
            if let retryAfter { response.headers[.retryAfter] = retryAfter }
            return response
        }
    }

    func summary() -> Response {
        let counts = state.withLock { ($0.effects.count, $0.duplicateKeys, $0.requests, $0.replays, $0.injectedFailures) }
        return Self.object([
            "count": counts.0, "duplicate_keys": counts.1, "requests": counts.2, "replays": counts.3, "injected_failures": counts.4,
        ])
    }
}
