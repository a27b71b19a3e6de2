import Foundation
import GuardianPrivacy

/// Scheme, host and port of the upstream, and the path prefix its URL has.
package struct Origin: Sendable {
    /// Without a slash at the end.
    package let text: String
    private let root: String

    package init(_ url: String, allowInsecure: Bool) throws(HTTPConfigurationError) {
        func refuse(_ message: String) -> HTTPConfigurationError { HTTPConfigurationError(key: "upstream.url", message: message) }
        let lower = url.lowercased()
        guard lower.hasPrefix("https://") || lower.hasPrefix("http://") else {
            throw refuse("must begin with https:// (or http:// on loopback)")
        }
        let isSecure = lower.hasPrefix("https://")
        let rest = url.dropFirst(isSecure ? 8 : 7)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !Self.host(authority).isEmpty, !authority.contains(where: \.isWhitespace) else { throw refuse("has no host") }
        guard !authority.contains("@") else { throw refuse("must not hold credentials; configure upstream.auth instead") }
        guard !url.contains("?"), !url.contains("#") else { throw refuse("must not have a query or a fragment") }
        if !isSecure, !allowInsecure, !LoopbackName.isOne(Self.host(authority)) {
            throw refuse(
                "is plain http off this machine; use https, or set upstream.allow_insecure if you accept that all of it can be read")
        }
        root = (isSecure ? "https://" : "http://") + Self.withoutDefaultPort(authority, isSecure: isSecure)
        var path = rest.dropFirst(authority.count)
        while path.hasSuffix("/") { path = path.dropLast() }
        text = root + path
    }

    /// The URL that a `Location` in an answer from `url` names, if it lies within the origin (RFC 3986 section 5).
    package func resolve(_ location: String, from url: String) -> String? {
        let scheme = location.prefix { $0 != ":" && $0 != "/" && $0 != "?" && $0 != "#" }
        let isRelative = !location.hasPrefix("/") && !location.dropFirst(scheme.count).hasPrefix(":")
        if isRelative {
            guard let base = URL(string: url), let full = URL(string: location, relativeTo: base) else { return nil }
            return resolve(full.absoluteString, from: url)
        }
        if location.hasPrefix("/"), !location.hasPrefix("//") { return root + location }
        let isSecure = scheme.lowercased() == "https"
        guard isSecure || scheme.lowercased() == "http", location.dropFirst(scheme.count).hasPrefix("://") else { return nil }
        let rest = location.dropFirst(scheme.count + 3)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard scheme.lowercased() + "://" + Self.withoutDefaultPort(authority, isSecure: isSecure) == root else { return nil }
        let path = rest.dropFirst(authority.count)
        return root + (path.hasPrefix("/") ? "" : "/") + path
    }

    /// In lower case.
    private static func withoutDefaultPort(_ authority: Substring, isSecure: Bool) -> String {
        let lower = authority.lowercased()
        for port in [isSecure ? ":443" : ":80", ":"] where lower.hasSuffix(port) { return String(lower.dropLast(port.count)) }
        return lower
    }

    private static func host(_ authority: Substring) -> Substring {
        if authority.hasPrefix("[") { return authority.dropFirst().prefix { $0 != "]" } }
        return authority.prefix { $0 != ":" }
    }
}
