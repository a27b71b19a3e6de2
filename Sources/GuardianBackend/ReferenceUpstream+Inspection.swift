import Foundation
import Hummingbird
import NIOCore
import Synchronization

extension ReferenceUpstream {
    /// `GET /_effects?after=N&limit=M`
    func effectsAnswer(_ request: Request) throws(BadField) -> Response {
        let (after, limit) = try Self.page(request)
        return .object(["effects": effects.dropFirst(after).prefix(limit).map(\.json)])
    }

    /// `GET /_requests?after=N&limit=M`
    func requestsAnswer(_ request: Request) throws(BadField) -> Response {
        let (after, limit) = try Self.page(request)
        return .object(["requests": requests(after: after, limit: limit).map(\.json)])
    }

    func summary() -> Response {
        state.withLock { state in
            .object([
                "count": state.effects.count, "duplicate_keys": state.duplicateKeys, "requests": state.requests, "replays": state.replays,
                "injected_failures": state.injectedFailures, "rejected": state.rejected, "batches": state.batches,
            ])
        }
    }

    /// `PUT /_mode` with a mode (see `UpstreamMode`), with `idempotency_window_seconds`, or with both. Says what it was told.
    func changeMode(_ request: Request) async throws -> Response {
        var request = request
        let body = Data(try await request.collectBody(upTo: 1 << 20).readableBytesView)
        var fields = try Fields(body)
        let window = try fields.number("idempotency_window_seconds", in: 0...1e9)
        let mode = window != nil && !fields.has("mode") ? nil : try UpstreamMode(&fields)
        try fields.end()
        if let window { setIdempotencyWindow(.seconds(window)) }
        if let mode { setMode(mode) }
        return .json(.ok, String(decoding: body, as: UTF8.self))
    }

    private static func page(_ request: Request) throws(BadField) -> (after: Int, limit: Int) {
        func number(_ name: String) throws(BadField) -> Int? {
            guard let text = request.uri.queryParameters[Substring(name)] else { return nil }
            guard let number = Int(text), number >= 0 else { throw BadField(name, "must be a whole number from 0") }
            return number
        }
        return (try number("after") ?? 0, try number("limit") ?? .max)
    }
}
