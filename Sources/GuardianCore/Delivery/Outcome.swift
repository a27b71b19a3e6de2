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
    /// The HTTP status; of an answer to a batch the one that it gives for this operation.
    public var status: Int
    /// The `error.code` of the body, if it is an envelope.
    public var code: String?
    /// The `error.message`, or the beginning of a body that is none.
    public var message: String?
    /// How long `Retry-After` asks to wait; nil when there is none or it makes no sense.
    public var retryAfterMs: Int64?
    /// The entity's ETag as it was sent, quotes and a weak `W/` included; nil when there was none.
    public var etag: String?
    /// What a success brought: the `data` of an envelope, or a bare body; nil when it is no JSON object, or has no members.
    public var data: JSONValue?
    /// What an error tells beside its code and message; nil when it is nothing that ``DeliveryError`` has a place for.
    public var details: ErrorDetails?
    /// Whether the route says of its status that it is something else than transient. It asks nobody to wait then, be it a 429 or one with
    /// `Retry-After`.
    public var isOverridden = false

    /// For whoever implements a transport; ``isOverridden`` is set afterwards.
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
///
/// - `permanent`: the write is wrong, or the server; which of the two is judged first (`PlagueDetector`).
/// - `upgrade`: 426, delivery pauses. `auth`: 401, the token is refreshed once, then delivery pauses.
/// - `transient`: sent again after a backoff, or when the answer says. `conflict`: the other side is fetched and reconciled.
public enum AnswerClass: String, Sendable, CaseIterable {
    case permanent, upgrade, auth, transient, conflict
}

/// Why there was no answer.
///
/// - `refused`: nobody listens there. `unreachable`: no route, or no connection or TLS handshake in time. `dns`: the name has no address.
/// - `timeout`: sent, and no answer in time. `reset`: the connection ended before an answer. Both may have had their effect.
/// - `tls`: the certificate or key is not one that is trusted; nothing was sent.
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
