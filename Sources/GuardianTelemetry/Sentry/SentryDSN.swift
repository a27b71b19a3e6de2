#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation
import GuardianPrivacy

/// Where events go and by which right: `https://KEY@HOST[:PORT][/PATH]/PROJECT`, from Sentry's project settings.
///
/// It is a secret in our books: no description, dump or log line shows it, and it is not written to the spool.
public struct SentryDSN: Sendable, Equatable {
    /// A text that is no DSN; the message says why and never repeats it.
    public struct Defect: Error, Sendable, Equatable, CustomStringConvertible {
        /// Goes on from "the DSN", such as `is no URL`.
        public var message: String
        public var description: String { "the DSN \(message)" }
    }

    package let publicKey: String
    /// `POST` goes here: `…/api/PROJECT/envelope/`.
    package let envelopeURL: String
    /// Host and project, without the key.
    public let destination: String

    /// Plain http is taken for loopback only, as everywhere.
    public init(_ text: String) throws(Defect) {
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty else { throw Defect(message: "is no URL") }
        guard let scheme = parts.scheme, scheme == "https" || scheme == "http" else { throw Defect(message: "must begin with https://") }
        // An address of IPv6 may come in its brackets.
        let name = host.hasPrefix("[") ? String(host.dropFirst().prefix { $0 != "]" }) : host
        guard scheme == "https" || LoopbackName.isOne(name) else {
            throw Defect(message: "must use https, for its host is not loopback")
        }
        guard let key = parts.user, (1...64).contains(key.utf8.count),
            key.utf8.allSatisfy({ $0.isLetterOrDigit })
        else { throw Defect(message: "has no public key before its @") }
        let path = parts.path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        guard let project = path.last, project.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
            throw Defect(message: "does not end with a project's number")
        }
        guard parts.query == nil, parts.fragment == nil else { throw Defect(message: "has more than a path after its host") }
        publicKey = key
        let authority = (name.contains(":") ? "[\(name)]" : name) + (parts.port.map { ":\($0)" } ?? "")
        let prefix = path.dropLast().map { "/" + $0 }.joined()
        envelopeURL = "\(scheme)://\(authority)\(prefix)/api/\(project)/envelope/"
        destination = "\(authority)\(prefix), project \(project)"
    }

    /// The value of the header `X-Sentry-Auth`: version 7 of the protocol, and the key.
    package func authentication(client: String) -> String { "Sentry sentry_version=7, sentry_client=\(client), sentry_key=\(publicKey)" }
}

extension SentryDSN: CustomStringConvertible, CustomReflectable {
    public var description: String { destination }
    public var customMirror: Mirror { Mirror(self, children: ["destination": destination]) }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        (48...57).contains(self) || (65...90).contains(self) || (97...122).contains(self)
    }
}
