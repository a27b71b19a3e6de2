/// The parts of a `Host`.
enum Authority {
    /// `host` of `host:port` and `[host]:port`.
    static func host(of authority: String) -> String {
        authority.hasPrefix("[") ? String(authority.dropFirst().prefix { $0 != "]" }) : String(authority.prefix { $0 != ":" })
    }

    /// `port` of `host:port` and `[host]:port`; nil where there is none.
    static func port(of authority: String) -> String? {
        guard let colon = authority.lastIndex(of: ":") else { return nil }
        let port = authority[authority.index(after: colon)...]
        return (1...5).contains(port.utf8.count) && port.utf8.allSatisfy { (48...57).contains($0) } ? String(port) : nil
    }
}
