/// Why an operation is not delivered, as a program decides by it (spec section 4): one case for each kind of trouble, with what is stored
/// of it. ``LastError`` is what is kept, and what people read.
///
/// What a case carries beside status and code was said in the answer (``ErrorDetails``: `error.details` of the envelope, RFC 9457, header
/// fields), or is known of the operation; it is nil where neither says it. It is stored with the error, so a restart loses none of it.
public struct DeliveryError: Error, Sendable, Equatable {
    /// What kind of trouble it is. An answer goes by its status, whatever a route makes of it.
    public enum Kind: Sendable, Equatable {
        /// The upstream takes no such request (400, 413, 422, and 4xx that have no other case), or none could be made of the operation. The
        /// first field that is named and what it must be; all are ``DeliveryError/fields``, and the message says why in any case. What
        /// `enqueue` refuses is ``SyncError/validation(field:constraint:)``.
        case validation(field: String?, constraint: String?)
        /// 401. Delivery waits for a login then, and fails nothing.
        case unauthorized
        /// 403, 451.
        case permissionDenied
        /// 404, 410.
        case notFound
        /// 409. The versions are the members `version` of what was found there and of the operation's base, or payload; else those that the
        /// answer names.
        case conflict(ConflictKind, serverVersion: String?, clientVersion: String?)
        /// 412. `sent` went out as `If-Match`, `found` is the ETag of what was there when it was fetched, else the one of the answer.
        case preconditionFailed(sent: String?, found: String?)
        /// 426, or a payload of a newer build than this one. `minimum` is the oldest version that the upstream takes. After a 426 delivery
        /// waits for an upgrade, and fails nothing.
        case clientVersion(minimum: String?)
        /// 429. `retryAfterMs` is how long delivery waits, jitter included. `limit` is how many requests the upstream takes in one of its
        /// windows, `resetAt` when the next one begins; where it does not say that, when the wait is over.
        case rateLimited(retryAfterMs: Int64?, limit: Int64?, resetAt: Timestamp?)
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

        /// What an upstream means by its code or a word of its details, such as `ALREADY_EXISTS`, `version_mismatch` or `Deleted`; nil for
        /// what says nothing of it.
        package init?(word: String) {
            var letters: [UInt8] = []
            for byte in word.utf8.prefix(ErrorDetails.longestWord) {
                if (65...90).contains(byte) { letters.append(byte + 32) } else if (97...122).contains(byte) { letters.append(byte) }
            }
            let plain = String(decoding: letters, as: UTF8.self)
            for kind in [ConflictKind.gone, .changed, .exists] where kind.endings.contains(where: { plain.hasSuffix($0) }) {
                self = kind
                return
            }
            return nil
        }

        /// How words end that mean it; what is gone is looked at first, for `NOT_EXISTS`.
        private var endings: [String] {
            switch self {
            case .exists: ["exists", "duplicate", "duplicatekey", "duplicateentry"]
            case .changed:
                [
                    "changed", "modified", "modification", "stale", "outdated", "versionmismatch", "versionconflict", "etagmismatch",
                    "concurrentupdate",
                ]
            case .gone: ["gone", "deleted", "removed", "notexist", "notexists", "notfound"]
            }
        }
    }

    /// What an app decides by; a ``code`` of the upstream's own may say more.
    public var kind: Kind
    /// The upstream's code (`UPPER_SNAKE`) or the engine's own.
    public var code: String
    /// For people.
    public var message: String
    /// Of the answer behind it; nil when there was none.
    public var httpStatus: Int?
    /// Every field that the upstream finds wrong, ``ErrorDetails/mostFields`` at most, under the app's names.
    public var fields: [ErrorDetails.Field]
    /// The operation's, which is in logs, in `Trace-Id` and in `traceparent`. nil only of the ending of an optimistic change that no failed
    /// attempt has brought about: it was withdrawn; an operation of it was cancelled, cleared, expired or set aside after crashes, or gave
    /// way to the server's state (`SERVER_WINS`); or the change that it depends on was rolled back.
    public var traceID: UniqueID?
    /// Whether the operation, as it is, may succeed when it is sent again.
    public var canBeRetried: Bool

    /// Of an error that `operation` has met; what the error does not say is taken from the operation.
    public init(_ error: LastError, of operation: Operation) {
        kind = error.kind(of: operation)
        code = error.code
        message = error.message
        httpStatus = error.httpStatus
        fields = error.details?.fields ?? []
        traceID = operation.traceID
        canBeRetried = error.canBeRetried
    }

    /// Of an error that is told without its operation. `state` is what was found at the upstream, a JSON object as text.
    init(_ error: LastError, found state: String?) {
        if case .conflict(let conflict, let told, let clientVersion) = error.kind {
            kind = .conflict(conflict, serverVersion: LastError.version(in: state) ?? told, clientVersion: clientVersion)
        } else {
            kind = error.kind
        }
        code = error.code
        message = error.message
        httpStatus = error.httpStatus
        fields = error.details?.fields ?? []
        traceID = error.details?.traceID
        canBeRetried = error.canBeRetried
    }
}

extension Operation {
    /// ``lastError``, as a program decides by it; nil when there is none. That of a 401, a 426 or a TLS refusal is there too, although the
    /// operation waits for delivery to go on and no attempt of it counts as failed.
    public var deliveryError: DeliveryError? { lastError.map { DeliveryError($0, of: self) } }
}

extension OptimisticEnding {
    /// ``reason``, as a program decides by it; nil for a change that was committed.
    public var deliveryError: DeliveryError? { reason.map { DeliveryError($0, found: state) } }
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

    /// What kind of trouble it is, as far as the answer has told (``details``). What the operation knows beside that (the version that was
    /// fetched, its base, how long it waits) is in ``DeliveryError``.
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
        case .upgrade: return .clientVersion(minimum: details?.minimumVersion)
        case .permanent: return code == Upcasters.tooNew ? .clientVersion(minimum: nil) : validation
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
        case 412:
            .preconditionFailed(
                sent: details?.sentETag ?? operation?.sentIfMatch, found: operation?.server?.etag ?? details?.foundETag)
        case 425, 503: .serviceUnavailable
        case 426: .clientVersion(minimum: details?.minimumVersion)
        case 429:
            .rateLimited(
                retryAfterMs: operation?.backoffMs, limit: details?.limit, resetAt: details?.resetAt ?? operation?.nextRetryAt)
        case 400..<500: validation
        default: .server
        }
    }

    private var validation: DeliveryError.Kind {
        let first = details?.fields.first
        return .validation(field: first?.name, constraint: first?.constraint)
    }

    private func conflict(_ operation: Operation?) -> DeliveryError.Kind {
        var kind = DeliveryError.ConflictKind.changed
        if operation?.server?.isGone == true {
            kind = .gone
        } else if let told = toldConflict {
            kind = told
        } else if operation?.type == "create" {
            kind = .exists
        }
        return .conflict(
            kind, serverVersion: Self.version(in: operation?.server?.state) ?? details?.serverVersion,
            clientVersion: operation.flatMap { Self.clientVersion(of: $0) } ?? details?.clientVersion)
    }

    /// What stood against the write, where the answer has said so.
    private var toldConflict: DeliveryError.ConflictKind? { details?.conflict ?? DeliveryError.ConflictKind(word: code) }

    private static func clientVersion(of operation: Operation) -> String? {
        version(in: operation.base) ?? version(in: operation.payload)
    }

    fileprivate static func version(in text: String?) -> String? {
        switch JSONValue.reading(text)?["version"] {
        case .number(let version), .string(let version): version
        default: nil
        }
    }

    /// With what only the operation knows, where the error is told without it too: as the reason for which its optimistic change is rolled
    /// back.
    func met(by operation: Operation) -> LastError {
        guard operation.txnToken != nil else { return self }
        var (conflict, clientVersion) = (details?.conflict, details?.clientVersion)
        if self.class == .conflict, httpStatus != 412 {
            clientVersion = Self.clientVersion(of: operation) ?? clientVersion
            conflict = toldConflict
            if conflict == nil, operation.type == "create" { conflict = .exists }
        }
        var error = self
        error.details = ErrorDetails(
            fields: details?.fields ?? [], minimumVersion: details?.minimumVersion, limit: details?.limit, resetAt: details?.resetAt,
            conflict: conflict, serverVersion: details?.serverVersion, clientVersion: clientVersion, sentETag: details?.sentETag,
            foundETag: details?.foundETag, traceID: operation.traceID)
        return error
    }
}
