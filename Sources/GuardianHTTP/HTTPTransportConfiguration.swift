/// How requests are made.
public struct HTTPTransportConfiguration: Sendable {
    public enum Envelope: String, Sendable {
        /// `{"meta":…,"payload":…}` out, `{"meta":…,"data":…}` or `{"meta":…,"error":…}` back.
        case standard
        /// The payload bare, for APIs that are not ours.
        case none
    }

    /// `https://host[:port][/prefix]`. Plain http is refused off loopback unless `allowInsecure` is set.
    public var url: String
    public var envelope: Envelope
    /// Milliseconds; 10 s by default.
    public var connectTimeoutMs: Int64
    public var allowInsecure: Bool
    public var routes: [Route]
    /// Bytes of an answer's body; 1 MiB by default.
    public var responseBodyLimit: Int
    public var appVersion: String
    /// A UUID v4, made once and kept.
    public var deviceID: String
    /// Connections kept to the upstream at most over HTTP/1.1.
    public var poolSize: Int
    /// PEM file of certificate authorities to trust instead of the system's.
    public var trustRootsFile: String?
    /// Hears of requests and answers; nil for nobody.
    public var observer: (any WireObserver)?
    /// Headers of the trace in progress, such as `traceparent`, which take the place of ours; asked for at each request.
    public var traceHeaders: (@Sendable () -> [(name: String, value: String)])?
    /// Whether a success must carry our `Trace-Id` back; one that does not is a stranger's. For APIs that echo it.
    public var requiresTraceEcho = false

    public init(
        url: String, envelope: Envelope = .standard, connectTimeoutMs: Int64 = 10_000, allowInsecure: Bool = false, routes: [Route] = [],
        responseBodyLimit: Int = 1 << 20, appVersion: String = "0.1.0", deviceID: String, poolSize: Int = 8, trustRootsFile: String? = nil
    ) {
        self.url = url
        self.envelope = envelope
        self.connectTimeoutMs = connectTimeoutMs
        self.allowInsecure = allowInsecure
        self.routes = routes
        self.responseBodyLimit = responseBodyLimit
        self.appVersion = appVersion
        self.deviceID = deviceID
        self.poolSize = poolSize
        self.trustRootsFile = trustRootsFile
    }
}

/// A configuration that can't be used: which key, and what to do.
public struct HTTPConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    public var key: String
    public var message: String
    public var description: String { "\(key): \(message)" }
}
