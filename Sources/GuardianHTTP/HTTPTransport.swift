import AsyncHTTPClient
public import GuardianCore
import GuardianPrivacy
import NIOCore
import NIOHTTP1
import NIOSSL

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
    public static func check(_ configuration: HTTPTransportConfiguration) throws(HTTPConfigurationError) {
        _ = try Origin(configuration.url, allowInsecure: configuration.allowInsecure)
        _ = try UpstreamTrust(configuration)
        _ = try RequestCompression(configuration)
        try RouteTable.check(configuration.routes)
    }

    /// Asks `url` for anything, to see whether it answers. Sends no credentials and changes nothing.
    public static func probe(
        url: String, allowInsecure: Bool, timeoutMs: Int64
    ) async throws(HTTPConfigurationError) -> Outcome {
        try await probe(.init(url: url, allowInsecure: allowInsecure, deviceID: ""), timeoutMs: timeoutMs)
    }

    /// As above, with the trust that delivery would have: authorities and pins.
    public static func probe(
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
    public static func distrust(_ configuration: HTTPTransportConfiguration) async throws(HTTPConfigurationError) -> String? {
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
    public static func words(for error: any Error) -> String {
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
        let operation = claim.operation
        let draft: Draft
        do throws(Unroutable) { draft = try self.draft(of: operation) } catch { return Self.unsendable(error) }
        return await send(operation, draft, token: token, timeoutMs: timeoutMs)
    }

    /// An attempt whose request is ready; it is over when its time is.
    func send(_ operation: Operation, _ draft: Draft, token: String?, timeoutMs: Int64) async -> Outcome {
        await bounded(timeoutMs) {
            if let endpoint = Self.endpoint(for: operation, draft) {
                return await sendGathered(operation, draft, endpoint, token: token)
            }
            return await sendAlone(operation, draft, token: token)
        }
    }

    /// Ends what takes longer than `milliseconds`.
    func bounded(_ milliseconds: Int64, _ body: @Sendable () async -> Outcome) async -> Outcome {
        let (outcome, isLate) = await timer.bound(milliseconds: milliseconds, body)
        return isLate && outcome == .interrupted ? Self.noAnswerInTime : outcome
    }

    static let noAnswerInTime = Outcome.unanswered(.timeout, detail: "no answer in time")

    /// Where it may go together with others. One that failed before goes alone: it may be what made its batch fail.
    static func endpoint(for operation: Operation, _ draft: Draft) -> BatchEndpoint? { operation.tries == 0 ? draft.route.batch : nil }

    static func unsendable(_ error: Unroutable) -> Outcome {
        let message = Redactor.standard.redact(error.message)
        return .unsendable(LastError(class: .permanent, code: error.code, message: message, details: error.details))
    }

    func sendAlone(_ operation: Operation, _ draft: Draft, token: String?) async -> Outcome {
        do { return try await exchange(operation, draft, token: token) } catch { return NetworkErrors.outcome(of: error) }
    }

    /// What an operation becomes before anything is sent.
    struct Draft: Sendable {
        var route: Route
        var path: String
        var url: String
        var body: ByteBuffer
    }

    func draft(of operation: Operation) throws(Unroutable) -> Draft {
        guard let route = routes.route(for: operation) else {
            throw Unroutable(
                code: "NO_ROUTE", message: "no route for (\(operation.type), \(operation.entity.type)); add one under upstream.routes")
        }
        let path = try RouteTable.path(of: route, for: operation)
        return Draft(route: route, path: path, url: origin.text + path, body: try builder.body(of: operation, route: route))
    }

    /// Without its body.
    func request(_ operation: Operation, _ draft: Draft, token: String?) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: draft.url)
        request.method = HTTPMethod(rawValue: draft.route.method)
        request.headers = builder.headers(of: operation, token: token)
        for (name, value) in configuration.traceHeaders?() ?? [] { request.headers.replaceOrAdd(name: name, value: value) }
        return request
    }

    private func exchange(_ operation: Operation, _ draft: Draft, token: String?) async throws -> Outcome {
        let request = request(operation, draft, token: token)
        let (response, url, watch) = try await submit(request, draft.body, at: draft.route.path) { self.watch($0, draft, operation) }
        return try await read(response, operation, draft.route, url, watch)
    }

    /// The answer to `request` and the URL that gave it: 307 and 308 within the origin are followed with method, headers and body. `watch`
    /// hears of each request before it goes out. Throws ``TooManyRedirects`` beside the client's own errors.
    func follow(
        _ request: HTTPClientRequest, watch: (HTTPClientRequest) -> WireWatch? = { _ in nil }
    ) async throws -> (response: HTTPClientResponse, url: String, watch: WireWatch?) {
        var request = request
        for _ in 0...Self.redirectLimit {
            let watched = watch(request)
            let response = try await client.execute(request, deadline: .distantFuture)
            let url = request.url
            guard response.status == .temporaryRedirect || response.status == .permanentRedirect,
                let next = response.headers.first(name: "location").flatMap({ origin.resolve($0, from: url) })
            else { return (response, url, watched) }
            // What a redirect says beside its target is of no use, however long it is.
            do { _ = try await response.body.collect(upTo: configuration.responseBodyLimit) } catch is NIOTooManyBytesError {}
            request.url = next
        }
        throw TooManyRedirects()
    }

    var reader: AnswerReader {
        AnswerReader(envelope: configuration.envelope, origin: origin, requiresTraceEcho: configuration.requiresTraceEcho)
    }

    private func read(
        _ response: HTTPClientResponse, _ operation: Operation, _ route: Route, _ url: String, _ watch: WireWatch?
    ) async throws -> Outcome {
        let status = Int(response.status.code)
        let body: ByteBuffer
        do {
            body = try await response.body.collect(upTo: configuration.responseBodyLimit)
        } catch is NIOTooManyBytesError where status >= 300 {
            // The status says what it means; only its words are lost.
            body = ByteBuffer(string: "the answer is larger than \(configuration.responseBodyLimit) bytes")
        } catch is NIOTooManyBytesError {
            return .refused(
                .transient,
                Answer(
                    status: status, code: "ANSWER_TOO_LARGE", message: "the answer is larger than \(configuration.responseBodyLimit) bytes")
            )
        }
        watch?.answered(response, body: body)
        return reader.outcome(
            status: status, headers: response.headers, body: body, operation: operation, route: route, url: url)
    }
}

/// More redirects than ``HTTPTransport/redirectLimit``.
struct TooManyRedirects: Error {
    static let outcome = Outcome.refused(
        .permanent, Answer(status: 308, code: "TOO_MANY_REDIRECTS", message: "more than \(HTTPTransport.redirectLimit) redirects"))
}
