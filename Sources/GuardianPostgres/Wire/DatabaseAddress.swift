internal import CLibPQ
public import GuardianCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Where the database is: a `postgresql://` URL, of which no secret is ever shown.
///
/// All that libpq knows may stand in it (`sslmode`, `sslrootcert`, `passfile`, `target_session_attrs`, several hosts …), and three words of
/// our own: `pooler=transaction` for a database behind PgBouncer in transaction mode, `pool=N` for the connections of one process, and
/// `processors=N` for how many may deliver at once.
public struct DatabaseAddress: Sendable, Equatable {
    /// As it was given, without our own words.
    private let url: String
    /// Behind a pooler that hands sessions from one transaction to another: nothing is prepared, nobody listens.
    package let isPooled: Bool
    /// Connections of one process; nil for the default.
    package let pool: Int?
    /// Processors that may deliver at once; nil for the default.
    package let processors: Int?
    /// The schema in which everything is looked for and made; nil for that of the user's `search_path`.
    package private(set) var schema: String?
    private var parts: [(name: String, value: String)]

    public static func == (one: DatabaseAddress, other: DatabaseAddress) -> Bool {
        one.url == other.url && one.isPooled == other.isPooled && one.pool == other.pool && one.processors == other.processors
            && one.schema == other.schema
    }

    /// Whether a value of the key `store` names a database.
    package static func isOne(_ text: String) -> Bool { text.hasPrefix("postgresql://") || text.hasPrefix("postgres://") }

    /// Throws a ``StoreError`` that says what is wrong, without the text.
    public init(_ text: String) throws(StoreError) {
        guard Self.isOne(text) else { throw .unavailable("the store's URL must begin with postgresql://") }
        var query: [Substring] = []
        var own: [String: String] = [:]
        let halves = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        if halves.count == 2 {
            for word in halves[1].split(separator: "&") {
                let pair = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                if pair.count == 2, ["pooler", "pool", "processors"].contains(pair[0]) {
                    own[String(pair[0])] = String(pair[1])
                } else {
                    query.append(word)
                }
            }
        }
        url = String(halves[0]) + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        guard ["transaction", "none", nil].contains(own["pooler"]) else { throw .unavailable("pooler= must be transaction or none") }
        isPooled = own["pooler"] == "transaction"
        pool = try Self.number(own["pool"], "pool", 2...64)
        processors = try Self.number(own["processors"], "processors", 1...10_000)
        parts = try Self.parse(url)
    }

    private static func number(_ text: String?, _ name: String, _ range: ClosedRange<Int>) throws(StoreError) -> Int? {
        guard let text else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw .unavailable("\(name)= must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func parse(_ url: String) throws(StoreError) -> [(name: String, value: String)] {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(url, &message) else {
            PQfreemem(message)
            throw .unavailable("the store's URL can't be read; it must be like postgresql://user@host:5432/database?sslmode=verify-full")
        }
        defer { PQconninfoFree(options) }
        var found: [(name: String, value: String)] = []
        var at = options
        while let name = at.pointee.keyword {
            if let value = at.pointee.val { found.append((String(cString: name), String(cString: value))) }
            at += 1
        }
        return found
    }

    /// The same database, in a schema of its own. `schema` must be a plain name: small letters, digits and `_`.
    package func inSchema(_ schema: String) -> DatabaseAddress {
        var address = self
        address.schema = schema
        let given = value("options").map { $0 + " " } ?? ""
        address.parts.removeAll { $0.name == "options" }
        address.parts.append(("options", given + "-c search_path=" + schema))
        return address
    }

    private func value(_ name: String) -> String? { parts.first { $0.name == name }?.value }

    /// The host for people; never a secret.
    public var host: String { value("host") ?? value("hostaddr") ?? "the local socket" }

    /// The URL with its secrets masked, for people.
    public var masked: String { Self.masked(url) }

    /// Any text of the key `store` with the password masked, also one that can't be read.
    package static func masked(_ text: String) -> String {
        guard isOne(text), let scheme = text.firstRange(of: "://") else { return text }
        var rest = String(text[scheme.upperBound...])
        let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        // The last @ before the query: a password may hold a bare one.
        let end = rest[..<(rest.firstIndex(of: "?") ?? rest.endIndex)].lastIndex(of: "@") ?? rest[..<authorityEnd].lastIndex(of: "@")
        if let end, let colon = rest[..<end].firstIndex(of: ":") {
            rest.replaceSubrange(rest.index(after: colon)..<end, with: "***")
        }
        guard let question = rest.firstIndex(of: "?") else { return text[..<scheme.upperBound] + rest }
        let words = rest[rest.index(after: question)...].split(separator: "&", omittingEmptySubsequences: false).map { word -> String in
            let name = word.prefix { $0 != "=" }
            return name.lowercased().contains("pass") && name != "passfile" ? name + "=***" : String(word)
        }
        return text[..<scheme.upperBound] + rest[...question] + words.joined(separator: "&")
    }

    /// `text` without the password.
    func masking(_ text: String) -> String {
        guard let password = value("password"), !password.isEmpty else { return text }
        return text.split(separator: password, omittingEmptySubsequences: false).joined(separator: "***")
    }

    /// Where libpq connects to, in order: the URL goes before the environment, and an address before a name. An empty one is the local
    /// socket.
    private func targets(_ environment: (String) -> String?) -> [Substring] {
        func list(_ name: String, _ variable: String) -> [Substring] {
            (value(name) ?? environment(variable) ?? "").split(separator: ",", omittingEmptySubsequences: false)
        }
        let (hosts, addresses) = (list("host", "PGHOST"), list("hostaddr", "PGHOSTADDR"))
        return (0..<max(hosts.count, addresses.count)).map { place in
            let address: Substring = place < addresses.count ? addresses[place] : ""
            return address.isEmpty && place < hosts.count ? hosts[place] : address
        }
    }

    /// Whether the way to the server may leave this machine.
    private func isRemote(_ environment: (String) -> String?) -> Bool {
        // What a service file says only libpq knows.
        if value("service") != nil || environment("PGSERVICE") != nil { return true }
        return !targets(environment).allSatisfy { Self.isLocal($0) }
    }

    private static func isLocal(_ host: Substring) -> Bool {
        if host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@") || host == "localhost" || host == "::1" { return true }
        // A name such as 127.example.com is nobody's loopback.
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4 && numbers[0] == "127"
            && numbers.allSatisfy { number in number.utf8.allSatisfy { (48...57).contains($0) } && UInt8(number) != nil }
    }

    /// A variable of this process, as libpq reads it.
    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// What a connection is made with; `environment` gives the variables that libpq reads too. Over a network the server must show a
    /// certificate for its name, and of several hosts it is the one that takes writes, unless the URL says otherwise. `timeoutMs` is the
    /// time for all hosts together: each gets its part of it, of 2 seconds at least, after which the next one is tried.
    package func options(
        applicationName: String, timeoutMs: Int32 = 10_000, environment: (String) -> String?
    ) -> [(name: String, value: String)] {
        var options = parts
        func set(_ name: String, _ value: String) { if self.value(name) == nil { options.append((name, value)) } }
        set("application_name", applicationName)
        set("client_encoding", "UTF8")
        set("keepalives_idle", "10")
        set("keepalives_interval", "5")
        set("keepalives_count", "3")
        set("tcp_user_timeout", "20000")
        let hosts = targets(environment).count
        // 0 would be without an end.
        if (value("connect_timeout").flatMap { Int($0) } ?? 0) < 1 {
            options.removeAll { $0.name == "connect_timeout" }
            options.append(("connect_timeout", "\(max(2, Int(timeoutMs) / 1000 / max(1, hosts)))"))
        }
        if hosts > 1, environment("PGTARGETSESSIONATTRS") == nil { set("target_session_attrs", "read-write") }
        if isRemote(environment) {
            set("sslmode", "verify-full")
            set("ssl_min_protocol_version", "TLSv1.2")
            if let roots = Self.systemRoots { set("sslrootcert", roots) }
        }
        return options
    }

    private static let systemRoots: String? = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
    ]
    .first { Disk.exists($0) }
}
