import AsyncHTTPClient
public import GuardianCore
import GuardianPrivacy
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// Delivers attempts over HTTP/1.1 or HTTP/2 with AsyncHTTPClient, and reads answers into outcomes.
public final class HTTPTransport: Transport, Sendable {
    /// Redirects (307, 308 within the origin) that one attempt follows.
    static let redirectLimit = 5

    let configuration: HTTPTransportConfiguration
    let origin: Origin
    let routes: RouteTable
    let client: HTTPClient
    let builder: RequestBuilder
    let timer = AttemptTimer()
    let loops = LoopLoads()
    let gatherer = BatchGatherer()
    let compression: RequestCompression

    /// Throws ``HTTPConfigurationError`` when the URL can't be used, or would send data in clear.
    public init(configuration: HTTPTransportConfiguration) throws(HTTPConfigurationError) {
        self.configuration = configuration
        origin = try Origin(configuration.url, allowInsecure: configuration.allowInsecure)
        try RouteTable.check(configuration.routes)
        routes = RouteTable(configuration.routes)
        builder = RequestBuilder(configuration: configuration)
        compression = try RequestCompression(configuration)
        client = try configuration.makeClient()
    }

    /// One that nobody has shut down closes its connections; after ``shutdown()`` this does nothing.
    deinit { client.shutdown { _ in } }

    /// Throws what ``init(configuration:)`` would, and opens nothing.
    package static func check(_ configuration: HTTPTransportConfiguration) throws(HTTPConfigurationError) {
        _ = try Origin(configuration.url, allowInsecure: configuration.allowInsecure)
        _ = try UpstreamTrust(configuration)
        _ = try RequestCompression(configuration)
        try RouteTable.check(configuration.routes)
    }

    /// Asks `url` for anything, to see whether it answers. Sends no credentials and changes nothing.
    package static func probe(
        url: String, allowInsecure: Bool, timeoutMs: Int64
    ) async throws(HTTPConfigurationError) -> Outcome {
        try await probe(.init(url: url, allowInsecure: allowInsecure, deviceID: ""), timeoutMs: timeoutMs)
    }

    /// As above, with the trust that delivery would have: authorities and pins.
    package static func probe(
        _ configuration: HTTPTransportConfiguration, timeoutMs: Int64
    ) async throws(HTTPConfigurationError) -> Outcome {
        let transport = try HTTPTransport(configuration: configuration)
        var request = HTTPClientRequest(url: transport.origin.text + "/")
        request.method = .HEAD
        let outcome: Outcome
        do {
            let response = try await transport.client.execute(request, timeout: .milliseconds(timeoutMs))
            outcome = .accepted(Answer(status: Int(response.status.code)))
        } catch {
            outcome = NetworkErrors.outcome(of: error)
        }
        await transport.shutdown()
        return outcome
    }

    /// Why delivery would send nothing: the upstream's certificate or key. nil when there is no objection, or no TLS, or no connection now.
    package static func distrust(_ configuration: HTTPTransportConfiguration) async throws(HTTPConfigurationError) -> String? {
        let trust = try UpstreamTrust(configuration)
        guard configuration.url.lowercased().hasPrefix("https://") else { return nil }
        let keys: ServerKeys
        do {
            keys = try await ServerKeys.of(
                url: configuration.url, authoritiesFile: configuration.trustRootsFile, timeoutMs: configuration.connectTimeoutMs)
        } catch {
            return nil
        }
        if let reason = keys.distrust { return reason }
        guard let own = keys.chain.first else { return nil }
        return trust.objection(to: own.pin)?.description
    }

    /// What an error of the network's means, in words.
    package static func words(for error: any Error) -> String {
        guard case .unanswered(_, let detail) = NetworkErrors.outcome(of: error) else { return "interrupted" }
        return detail
    }

    /// Closes all connections, and returns when they are: better than to let go of the transport, which closes them some time later. The
    /// transport can't be used after it.
    public func shutdown() async {
        timer.stop()
        do { try await client.shutdown() } catch {}
    }

    /// What the routes say (``Route/hold``).
    public var holds: HoldRules { routes.holds }

    /// What goes out as `X-App-Version`.
    public var appVersion: String? { configuration.appVersion }

    public func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome {
        let dispatch = Dispatch(claim: claim, timeoutMs: timeoutMs)
        return await Self.outcome { await self.send([dispatch], token: token, tell: $0) }
    }

    /// What is told of the one that `send` sends; interrupted where it tells nothing.
    static func outcome(_ send: (@escaping @Sendable (_ place: Int, Outcome) -> Void) async -> Void) async -> Outcome {
        let told = Told()
        await send { told.set($1) }
        return told.outcome
    }

    /// Ends what takes longer than `milliseconds`.
    func bounded(_ milliseconds: Int64, _ body: @Sendable () async -> Outcome) async -> Outcome {
        let (outcome, isLate) = await timer.bound(milliseconds: milliseconds, body)
        return isLate && outcome == .interrupted ? Self.noAnswerInTime : outcome
    }

    static let noAnswerInTime = Outcome.unanswered(.timeout, detail: "no answer in time")

    /// Where it may go together with others. One that failed before goes alone: it may be what made its batch fail.
    static func endpoint(for attempt: Attempt) -> BatchEndpoint? { attempt.operation.tries == 0 ? attempt.draft.route.batch : nil }

    static func unsendable(_ error: Unroutable) -> Outcome {
        let message = Redactor.standard.redact(error.message)
        return .unsendable(LastError(class: .permanent, code: error.code, message: message, details: error.details))
    }

    /// What an operation becomes before anything is sent.
    struct Draft: Sendable {
        var route: Route
        var path: String
        var url: String
        var body: ByteBuffer
        /// Of the trace in progress.
        var traceHeaders: [(name: String, value: String)] = []
    }

    func draft(of operation: Operation) throws(Unroutable) -> Draft {
        guard let route = routes.route(for: operation) else {
            throw Unroutable(
                code: "NO_ROUTE", message: "no route for (\(operation.type), \(operation.entity.type)); add one under upstream.routes")
        }
        let path = try RouteTable.path(of: route, for: operation)
        return Draft(route: route, path: path, url: origin.text + path, body: try builder.body(of: operation, route: route))
    }

    func request(_ operation: Operation, _ draft: Draft, token: String?) -> OutgoingRequest {
        var request = OutgoingRequest(
            url: draft.url, method: HTTPMethod(rawValue: draft.route.method), headers: builder.headers(of: operation, token: token),
            body: draft.body)
        for (name, value) in draft.traceHeaders { request.headers.replaceOrAdd(name: name, value: value) }
        return request
    }

    var reader: AnswerReader {
        AnswerReader(envelope: configuration.envelope, origin: origin, requiresTraceEcho: configuration.requiresTraceEcho)
    }

    func read(_ answer: IncomingAnswer, _ operation: Operation, _ route: Route, _ url: String) -> Outcome {
        let status = Int(answer.status.code)
        // The status of an error says what it means; only its words are lost.
        if answer.isTooLarge, status < 300 {
            return .refused(.transient, Answer(status: status, code: "ANSWER_TOO_LARGE", message: String(buffer: answer.body)))
        }
        return reader.outcome(
            status: status, headers: answer.headers, body: answer.body, operation: operation, route: route, url: url)
    }
}

/// The outcome of an attempt, once it is told.
private final class Told: Sendable {
    private let state = Mutex(Outcome.interrupted)

    func set(_ outcome: Outcome) { state.withLock { $0 = outcome } }

    var outcome: Outcome { state.withLock { $0 } }
}
