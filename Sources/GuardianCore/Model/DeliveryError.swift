/// Why an operation is not delivered, as a program decides by it (spec section 4): one case for each kind of trouble, with what is stored
/// of it. ``LastError`` is what is kept, and what people read.
public struct DeliveryError: Error, Sendable, Equatable {
    /// What kind of trouble it is. An answer goes by its status, whatever a route makes of it.
    public enum Kind: Sendable, Equatable {
        /// The upstream takes no such request (400, 413, 422, and 4xx that have no other case), or none could be made of the operation; the
        /// message says why. What `enqueue` refuses is ``SyncError/validation(field:constraint:)``.
        case validation
        /// 401. Delivery waits for a login then, and fails nothing.
        case unauthorized
        /// 403, 451.
        case permissionDenied
        /// 404, 410.
        case notFound
        /// 409. The versions are the members `version` of what was found there and of the operation's base, or payload.
        case conflict(ConflictKind, serverVersion: String?, clientVersion: String?)
        /// 412. `sent` went out as `If-Match`, `found` is the ETag of what was there.
        case preconditionFailed(sent: String?, found: String?)
        /// 426, or a payload of a newer build than this one.
        case clientVersion
        /// 429. `retryAfterMs` is how long the whole origin waits, jitter included; `resetAt` is when that is over.
        case rateLimited(retryAfterMs: Int64?, resetAt: Timestamp?)
        /// 5xx that have no other case, and answers that can't be read.
        case server
        /// 503, 425, and 409 for a key that is still in progress.
        case serviceUnavailable
        /// 408, 504, or no answer in time.
        case timeout
        /// No answer came back.
        case network(NetworkFailure)
        /// No answer stands behind it: the engine set it aside (`crash_suspect`, `in_doubt`, `dependency`, `expired`), or the app or a
        /// person took it back (`permanent`).
        case setAside(ErrorClass)
    }

    /// What stood against a write.
    public enum ConflictKind: String, Sendable, CaseIterable {
        /// What was to be created is there already.
        case exists
        /// Somebody else has changed it.
        case changed
        /// It is not there any more.
        case gone
    }

    public var kind: Kind
    /// The upstream's code (`UPPER_SNAKE`) or the engine's own.
    public var code: String
    /// For people.
    public var message: String
    public var httpStatus: Int?
    /// The operation's, which is in logs, in `Trace-Id` and in `traceparent`.
    public var traceID: UniqueID
    /// Whether the operation, as it is, may succeed when it is sent again.
    public var canBeRetried: Bool

    public init(_ error: LastError, of operation: Operation) {
        kind = error.kind(of: operation)
        code = error.code
        message = error.message
        httpStatus = error.httpStatus
        traceID = operation.traceID
        canBeRetried = error.canBeRetried
    }
}

extension Operation {
    /// ``lastError``, as a program decides by it; nil when no attempt has failed.
    public var deliveryError: DeliveryError? { lastError.map { DeliveryError($0, of: self) } }
}

extension ErrorClass {
    /// Whether what met this trouble may succeed when it is sent again as it is.
    public var canBeRetried: Bool {
        switch self {
        case .transient, .network, .tls, .auth, .exhausted, .crashSuspect: true
        case .permanent, .conflict, .upgrade, .expired, .dependency, .inDoubt: false
        }
    }
}

extension LastError {
    /// Whether the operation, as it is, may succeed when it is sent again.
    public var canBeRetried: Bool { self.class.canBeRetried }

    /// What kind of trouble it is, without what only the operation knows (versions, ETags, times): for that see ``DeliveryError``.
    public var kind: DeliveryError.Kind { kind(of: nil) }

    func kind(of operation: Operation?) -> DeliveryError.Kind {
        switch self.class {
        case .crashSuspect, .inDoubt, .expired, .dependency: return .setAside(self.class)
        case .tls: return .network(.tls)
        default: break
        }
        if let httpStatus { return kind(status: httpStatus, operation) }
        if let failure = NetworkFailure(rawValue: code.lowercased()) { return failure == .timeout ? .timeout : .network(failure) }
        if [.cancelledByPerson, .clearedByPerson, .withdrawn].contains(self) { return .setAside(self.class) }
        switch self.class {
        case .conflict: return conflict(operation)
        case .auth: return .unauthorized
        case .upgrade: return .clientVersion
        case .permanent: return code == Upcasters.tooNew ? .clientVersion : .validation
        case .network: return .network(.unreachable)
        default: return .server
        }
    }

    private func kind(status: Int, _ operation: Operation?) -> DeliveryError.Kind {
        switch status {
        case 401: .unauthorized
        case 403, 451: .permissionDenied
        case 404, 410: .notFound
        case 408, 504: .timeout
        case 409 where self.class == .transient || self.class == .exhausted: .serviceUnavailable
        case 409: conflict(operation)
        case 412: .preconditionFailed(sent: operation?.sentIfMatch, found: operation?.server?.etag)
        case 425, 503: .serviceUnavailable
        case 426: .clientVersion
        case 429: .rateLimited(retryAfterMs: operation?.backoffMs, resetAt: operation?.nextRetryAt)
        case 400..<500: .validation
        default: .server
        }
    }

    private func conflict(_ operation: Operation?) -> DeliveryError.Kind {
        let kind: DeliveryError.ConflictKind =
            operation?.server?.isGone == true ? .gone : operation?.type == "create" ? .exists : .changed
        return .conflict(
            kind, serverVersion: Self.version(in: operation?.server?.state),
            clientVersion: Self.version(in: operation?.base) ?? Self.version(in: operation?.payload))
    }

    private static func version(in text: String?) -> String? {
        switch JSONValue.reading(text)?["version"] {
        case .number(let version), .string(let version): version
        default: nil
        }
    }
}
