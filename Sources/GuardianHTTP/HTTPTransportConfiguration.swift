/// How requests are made.
public struct HTTPTransportConfiguration: Sendable {
    /// What stands round the payload in requests, and round the data in answers.
    public enum Envelope: String, Sendable {
        /// `{"meta":…,"payload":…}` out, `{"meta":…,"data":…}` or `{"meta":…,"error":…}` back.
        case standard
        /// The payload bare, for APIs that are not ours.
        case none
    }

    /// What bodies of requests are compressed with (RFC 9110 section 8.4.1).
    public enum Compression: String, Sendable, CaseIterable {
        /// Sent as they are.
        case none
        /// Sent with `Content-Encoding: gzip` where that makes them smaller.
        case gzip
    }

    /// `https://host[:port][/prefix]`. Plain http is refused off loopback unless `allowInsecure` is set.
    public var url: String
    /// ``Envelope/standard`` by default.
    public var envelope: Envelope
    /// Milliseconds; 10 s by default.
    public var connectTimeoutMs: Int64
    /// Lets ``url`` be plain http off loopback, where all of it, credentials too, can be read on the way; false by default.
    public var allowInsecure: Bool
    /// Of two for the same pair the later one wins; none by default. Create, update and delete without one go by plain REST below
    /// `/api/v1/`.
    public var routes: [Route]
    /// Bytes of an answer's body; 1 MiB by default.
    public var responseBodyLimit: Int
    /// The app's version, sent as `X-App-Version`; nil, the default, sends none.
    public var appVersion: String?
    /// A UUID v4, made once and kept.
    public var deviceID: String
    /// Connections to the upstream at most over HTTP/1.1, opened as attempts need them; 64 by default. Where they are fewer than the
    /// engine's workers, attempts wait for one while their timeout runs.
    public var poolSize: Int
    /// PEM file of certificate authorities to trust instead of the system's.
    public var trustRootsFile: String?
    /// Keys that the upstream may have, one of which it must; empty asks for none. At least two are advised, one of them kept elsewhere.
    public var pins: [CertificatePin] = []
    /// Hears of requests and answers; nil for nobody.
    public var observer: (any WireObserver)?
    /// Headers of the trace in progress, such as `traceparent`, which take the place of ours; asked for at each request.
    public var traceHeaders: (@Sendable () -> [(name: String, value: String)])?
    /// Whether a success must carry our `Trace-Id` back; one that does not is a stranger's. For APIs that echo it.
    public var requiresTraceEcho = false
    /// `none` by default. An upstream that refuses what is compressed (415, 400, 422 or 501) gets it again at once as it is, under the same
    /// key, and when that shows that it can't read it, is sent nothing compressed any more for as long as the transport lives. Where the
    /// path of a route has taken something compressed, only 415 is such a refusal.
    public var compression = Compression.none
    /// Bytes of a body below which it is not compressed; 1024 by default, 0 or more. What fits into one packet is there no sooner for it.
    public var compressionMinBytes = 1024

    /// Checks nothing: whatever is made with it does. Pins, observer, trace and compression are set on what it returns.
    public init(
        url: String, envelope: Envelope = .standard, connectTimeoutMs: Int64 = 10_000, allowInsecure: Bool = false, routes: [Route] = [],
        responseBodyLimit: Int = 1 << 20, appVersion: String? = nil, deviceID: String, poolSize: Int = 64, trustRootsFile: String? = nil
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

    /// The library, and the app's version where there is one.
    var userAgent: String { appVersion.map { "GuardianSync/\($0)" } ?? "GuardianSync" }
}

/// A configuration that can't be used: which key, and what to do.
public struct HTTPConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// As settings name it, such as `upstream.url`; not the name of a property.
    public var key: String
    /// Goes on from the key, such as `must begin with https://`.
    public var message: String
    public var description: String { "\(key): \(message)" }
}
