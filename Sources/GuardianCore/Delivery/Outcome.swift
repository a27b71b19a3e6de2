/// What came of one attempt, as the transport tells it.
public enum Outcome: Sendable, Equatable {
    /// The upstream took it.
    case accepted(Answer)
    /// The upstream answered, and did not take it.
    case refused(AnswerClass, Answer)
    /// No answer of the upstream's came back.
    case unanswered(NetworkFailure, detail: String)
    /// Found wrong before anything was sent: no route, a missing parameter.
    case unsendable(LastError)
    /// Stopped by us (shutdown) with nothing known.
    case interrupted
    /// What another operation of the same request has been told too: it settles this one, and says nothing more of the upstream.
    indirect case shared(Outcome)
}

/// The upstream's answer, cut down to what decisions and people need.
public struct Answer: Sendable, Equatable {
    public var status: Int
    /// The `error.code` of the body, if it is an envelope.
    public var code: String?
    /// The `error.message`, or the beginning of a body that is none.
    public var message: String?
    /// How long `Retry-After` asks to wait; nil when there is none or it makes no sense.
    public var retryAfterMs: Int64?
    public var etag: String?
    /// What a success brought: the `data` of an envelope, or a bare body; nil when it is no JSON object, or has no members.
    public var data: JSONValue?
    /// What an error tells beside its code and message; nil when it is nothing that ``DeliveryError`` has a place for.
    public var details: ErrorDetails?
    /// Whether the route says of its status that it is something else than transient. It asks nobody to wait then, be it a 429 or one with
    /// `Retry-After`.
    public var isOverridden = false

    public init(
        status: Int, code: String? = nil, message: String? = nil, retryAfterMs: Int64? = nil, etag: String? = nil, data: JSONValue? = nil,
        details: ErrorDetails? = nil
    ) {
        self.data = data
        self.details = details
        self.status = status
        self.code = code
        self.message = message
        self.retryAfterMs = retryAfterMs
        self.etag = etag
    }

    /// Whether it asks to wait: a 429, or any with a `Retry-After` that makes sense, unless the route says otherwise.
    var asksToWait: Bool { !isOverridden && (retryAfterMs != nil || status == 429) }
}

/// The classes of spec section 4 for answers that are no success.
public enum AnswerClass: String, Sendable, CaseIterable {
    case permanent, upgrade, auth, transient, conflict
}

/// Why there was no answer.
public enum NetworkFailure: String, Sendable, CaseIterable {
    case refused, unreachable, dns, timeout, reset, tls
    /// Something answered that is not our server: a captive portal, a proxy's page.
    case foreign

    /// Whether the request can't have reached the upstream, so that it never counts as an attempt.
    package var neverArrived: Bool {
        switch self {
        case .refused, .unreachable, .dns, .tls, .foreign: true
        case .timeout, .reset: false
        }
    }
}
