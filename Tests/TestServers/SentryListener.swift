public import GuardianCore
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// A server in Sentry's place: it parses strictly, takes or limits as told, and remembers all of it.
public final class SentryListener: Sendable {
    /// How it answers.
    public enum Rule: Sendable {
        case takesAll
        /// After so many it gets 429, and is to wait for a second.
        case limits(every: Int, header: Header)
        /// This status for everything.
        case answers(Int)
    }

    /// How a limit is told.
    public enum Header: Sendable { case rateLimits, retryAfter }

    public struct Received: Sendable {
        public var eventID: String
        public var envelope: EnvelopeReader
        public var bytes: [UInt8]
    }

    private struct State {
        var rule: Rule
        var received: [Received] = []
        var defects: [String] = []
        var requests = 0
        var limited = 0
        var tooEarly = 0
        var sinceLimit = 0
        var limitedUntil = ContinuousClock.now
    }

    public static let key = "0123456789abcdef0123456789abcdef"

    private let state: Mutex<State>

    public init(_ rule: Rule = .takesAll) { state = Mutex(State(rule: rule)) }

    public func set(_ rule: Rule) { state.withLock { $0.rule = rule } }

    /// What was taken, in order.
    public var received: [Received] { state.withLock { $0.received } }
    public var events: [JSONValue] { received.compactMap(\.envelope.event) }
    /// What was wrong with what came.
    public var defects: [String] { state.withLock { $0.defects } }
    /// Answers that said no for now.
    public var limited: Int { state.withLock { $0.limited } }
    /// Requests that came although they had been told to wait.
    public var tooEarly: Int { state.withLock { $0.tooEarly } }
    public var requests: Int { state.withLock { $0.requests } }

    public static func dsn(port: Int) -> String { "http://\(key)@127.0.0.1:\(port)/42" }

    /// Listens until cancelled; port 0 takes a free one.
    public func run(port: Int = 0, onReady: @escaping @Sendable (Int) -> Void) async throws {
        let router = Router()
        router.post("api/42/envelope") { [self] request, _ in
            let body = try await request.body.collect(upTo: 4 << 20)
            return answer(request.headers, Array(body.readableBytesView))
        }
        try await Listening.run(router, port: port, onReady: onReady)
    }

    private func answer(_ headers: HTTPFields, _ bytes: [UInt8]) -> Response {
        state.withLock { state in
            state.requests += 1
            let type = headers[.contentType]
            let auth = HTTPField.Name("X-Sentry-Auth").flatMap { headers[$0] } ?? ""
            if type != "application/x-sentry-envelope" { state.defects.append("content type \(type ?? "missing")") }
            let isKnown = auth.hasPrefix("Sentry ") && auth.contains("sentry_version=7") && auth.contains("sentry_key=\(Self.key)")
            if !isKnown || !auth.contains("sentry_client=") { state.defects.append("X-Sentry-Auth") }
            let envelope: EnvelopeReader
            do { envelope = try EnvelopeReader(bytes) } catch {
                state.defects.append("\(error)")
                return Response(status: .badRequest)
            }
            let now = ContinuousClock.now
            if now < state.limitedUntil { state.tooEarly += 1 }
            switch state.rule {
            case .answers(let code): return Response(status: .init(code: code))
            case .limits(let every, let header):
                guard state.sinceLimit < every else {
                    state.sinceLimit = 0
                    state.limited += 1
                    // The client's clock may begin its second a moment before ours does.
                    state.limitedUntil = now + .milliseconds(990)
                    return Self.limit(header)
                }
                state.sinceLimit += 1
            case .takesAll: break
            }
            let id = envelope.headers["event_id"]?.string ?? ""
            state.received.append(Received(eventID: id, envelope: envelope, bytes: bytes))
            return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: #"{"id":"\#(id)"}"#)))
        }
    }

    private static func limit(_ header: Header) -> Response {
        var fields = HTTPFields()
        switch header {
        case .rateLimits:
            HTTPField.Name("X-Sentry-Rate-Limits").map { fields[$0] = "2700:replay;transaction:organization, 1:error:key:quota" }
        case .retryAfter: fields[.retryAfter] = "1"
        }
        return Response(status: .tooManyRequests, headers: fields)
    }
}
