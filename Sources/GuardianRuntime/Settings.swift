import GuardianCore
import GuardianHTTP
import Yams

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A configuration that can't be used: which key, and what to do.
public struct SettingsError: Error, Sendable, CustomStringConvertible {
    public var key: String
    public var message: String
    public var description: String { "\(key): \(message)" }

    public init(_ key: String, _ message: String) {
        self.key = key
        self.message = message
    }
}

/// Every setting of the binary with where it came from: flags over `GUARDIAN_*` over one YAML file over defaults (spec section 12).
public struct Settings: Sendable {
    public enum Source: String, Sendable {
        case defaults = "default"
        case file, environment, flag
    }

    public struct Value: Sendable {
        public var text: String
        public var source: Source
    }

    struct Key: Sendable {
        var name: String
        var fallback: String
        var check: @Sendable (String) -> String?
        /// Taken from the environment only, and never shown.
        var isSecret = false
    }

    /// The one list of keys.
    static let keys = deliveryKeys + telemetryKeys

    private static let deliveryKeys: [Key] = [
        Key(name: "data_dir", fallback: "./guardian-data", check: Check.any),
        Key(
            name: "store", fallback: "sqlite",
            check: { $0 == "sqlite" ? nil : "must be sqlite (PostgreSQL is not available in this version)" }),
        Key(name: "listen", fallback: "127.0.0.1:8080", check: Check.any),
        Key(name: "token_file", fallback: "", check: Check.any),
        Key(name: "workers", fallback: "4", check: Check.integer(1...1024)),
        Key(name: "concurrency", fallback: "fixed", check: Check.oneOf(["fixed", "adaptive"])),
        Key(name: "ordering", fallback: "entity", check: Check.oneOf(["entity", "strict"])),
        Key(name: "upstream.url", fallback: "http://127.0.0.1:8090", check: Check.any),
        Key(name: "upstream.envelope", fallback: "standard", check: Check.oneOf(["standard", "none"])),
        Key(name: "upstream.timeout", fallback: "30s", check: Check.duration),
        Key(name: "upstream.connect_timeout", fallback: "10s", check: Check.duration),
        Key(name: "upstream.allow_insecure", fallback: "false", check: Check.oneOf(["true", "false"])),
        Key(name: "upstream.auth.kind", fallback: "none", check: Check.oneOf(AuthConfiguration.Kind.allCases.map(\.rawValue))),
        Key(name: "upstream.trace_echo", fallback: "false", check: Check.oneOf(["true", "false"])),
        Key(name: "upstream.idempotency_window", fallback: "24h", check: Check.duration),
        Key(name: "upstream.auth.principal_file", fallback: "", check: Check.any),
        Key(name: "upstream.auth.file", fallback: "", check: Check.any),
        Key(name: "upstream.auth.command", fallback: "", check: Check.command),
        Key(name: "upstream.auth.token_url", fallback: "", check: Check.tokenURL),
        Key(name: "upstream.auth.client_id", fallback: "", check: Check.any),
        Key(name: "upstream.auth.client_secret", fallback: "", check: Check.any, isSecret: true),
        Key(name: "upstream.auth.client_secret_file", fallback: "", check: Check.any),
        Key(name: "upstream.auth.client_auth", fallback: "basic", check: Check.oneOf(["basic", "body"])),
        Key(name: "upstream.auth.refresh_token_file", fallback: "", check: Check.any),
        Key(name: "upstream.auth.scope", fallback: "", check: Check.any),
        Key(name: "upstream.auth.audience", fallback: "", check: Check.any),
        Key(name: "upstream.auth.timeout", fallback: "30s", check: Check.duration),
        Key(name: "retry.base", fallback: "1s", check: Check.duration),
        Key(name: "retry.max", fallback: "30s", check: Check.duration),
        Key(name: "retry.max_attempts", fallback: "5", check: Check.integer(1...1000)),
        Key(name: "breaker.failures", fallback: "10", check: Check.integer(1...10_000)),
        Key(name: "breaker.window", fallback: "60s", check: Check.duration),
        Key(name: "breaker.cool_down", fallback: "60s", check: Check.duration),
        Key(name: "lock.heartbeat", fallback: "10s", check: Check.duration),
        Key(name: "lock.stale_after", fallback: "2m", check: Check.duration),
        Key(name: "upstream.pins", fallback: "", check: Check.notYet("certificate pinning")),
        Key(name: "admin.enabled", fallback: "false", check: Check.notYet("the console", unless: "false")),
        Key(name: "admin.token_file", fallback: "", check: Check.any),
    ]

    public private(set) var values: [String: Value]
    /// The entries of `upstream.routes`, as they were read.
    private(set) var routes: [[String: any Sendable]] = []
    /// The entries of `upcasters`, as they were read.
    private(set) var upcasters: [UpcasterEntry] = []

    /// `flags` has dotted keys. Throws a ``SettingsError`` for the first thing that is wrong.
    public init(file: String? = nil, environment: [String: String] = [:], flags: [String: String] = [:]) throws {
        values = Dictionary(uniqueKeysWithValues: Self.keys.map { ($0.name, Value(text: $0.fallback, source: .defaults)) })
        if let file = file ?? environment["GUARDIAN_CONFIG"] { try read(file: file) }
        let names = Dictionary(
            uniqueKeysWithValues: Self.keys.map { ("GUARDIAN_" + $0.name.uppercased().replacing(".", with: "_"), $0.name) })
        for (name, text) in environment {
            if let key = names[name] { values[key] = Value(text: text, source: .environment) }
        }
        for (key, text) in flags { values[key] = Value(text: text, source: .flag) }
        for key in Self.keys {
            guard let value = values[key.name] else { continue }
            if key.isSecret, value.source == .file || value.source == .flag {
                let name = "GUARDIAN_" + key.name.uppercased().replacing(".", with: "_")
                throw SettingsError(
                    key.name, "is a secret: put it into the environment (\(name)), or into the file that \(key.name)_file names")
            }
            guard let wrong = key.check(value.text) else { continue }
            throw SettingsError(key.name, "\(wrong) (it is \"\(Self.shown(key, value.text))\", from the \(value.source.rawValue))")
        }
    }

    private mutating func read(file: String) throws {
        let text: String
        do { text = try String(contentsOfFile: file, encoding: .utf8) } catch { throw SettingsError("config", "\(file) can't be read") }
        let tree: Any?
        do { tree = try Yams.load(yaml: text) } catch { throw SettingsError("config", "\(file) is not YAML: \(error)") }
        guard let tree else { return }
        guard let map = tree as? [String: Any] else { throw SettingsError("config", "\(file) must be a map of keys") }
        try flatten(map, "")
    }

    private mutating func flatten(_ map: [String: Any], _ prefix: String) throws {
        for (name, value) in map {
            let key = prefix + name
            if key == "upstream.routes" {
                guard let list = value as? [[String: Any]] else { throw SettingsError(key, "must be a list of maps") }
                routes = list.map { $0.mapValues(Self.sendable) }
            } else if key == "upcasters" {
                upcasters = try UpcasterEntry.list(value)
            } else if let inner = value as? [String: Any] {
                try flatten(inner, key + ".")
            } else {
                guard values[key] != nil else {
                    let near = NearestName.of(key, in: Self.keys.map(\.name)).map { "; did you mean \($0)?" } ?? ""
                    throw SettingsError(key, "is not a known key" + near)
                }
                if key == "upstream.auth.command", let words = value as? [Any] {
                    values[key] = Value(text: CommandWords.join(words.map { "\($0)" }), source: .file)
                    continue
                }
                guard !(value is [Any]) || key == "upstream.pins" else { throw SettingsError(key, "must be a single value") }
                values[key] = Value(text: (value as? [Any]).map { $0.map { "\($0)" }.joined(separator: ",") } ?? "\(value)", source: .file)
            }
        }
    }

    /// YAML's values as values: lists of texts and maps keep their shape, everything else becomes text.
    private static func sendable(_ value: Any) -> any Sendable {
        if let list = value as? [Any] { return list.map { "\($0)" } }
        if let map = value as? [AnyHashable: Any] {
            return Dictionary(map.map { ("\($0.key)", "\($0.value)") }) { $1 }
        }
        return "\(value)"
    }

    /// What the file named by `key` holds, without space around it; nil when the key is not set.
    public func secret(_ key: String) throws -> String? {
        let file = text(key)
        guard !file.isEmpty else { return nil }
        let content: String
        do { content = try String(contentsOfFile: file, encoding: .utf8) } catch { throw SettingsError(key, "\(file) can't be read") }
        let trimmed = String(content.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        guard !trimmed.isEmpty else { throw SettingsError(key, "\(file) is empty") }
        return trimmed
    }

    public func text(_ key: String) -> String { values[key]?.text ?? "" }
    public func integer(_ key: String) -> Int { Int(text(key)) ?? 0 }
    /// Bytes; nil for `auto`.
    func bytes(_ key: String) -> Int64? { Check.bytes(text(key)) }
    public func milliseconds(_ key: String) -> Int64 { Check.milliseconds(text(key)) ?? 0 }

    /// Key, value and source of each setting, in the order of the list.
    public var lines: [(key: String, value: String, source: String)] {
        Self.keys.map { ($0.name, Self.shown($0, text($0.name)), values[$0.name]?.source.rawValue ?? "default") }
    }

    /// A value as it may be shown: no secret, and no credentials in a URL.
    private static func shown(_ key: Key, _ text: String) -> String {
        if key.isSecret { return text.isEmpty ? "" : Secret.mask }
        guard let scheme = text.firstRange(of: "://") else { return text }
        let authority = text[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let at = authority.lastIndex(of: "@") else { return text }
        return text[..<scheme.upperBound] + Secret.mask + text[at...]
    }
}

extension Settings: CustomStringConvertible, CustomReflectable {
    /// Every key and its value, secrets masked.
    public var description: String { lines.map { "\($0.key) = \($0.value)" }.joined(separator: "\n") }
    public var customMirror: Mirror { Mirror(self, children: lines.map { ($0.key, $0.value) }) }
}

/// Rules for single values: nil when a text is fine, else what it must be.
enum Check {
    @Sendable static func any(_ text: String) -> String? { nil }

    /// A key of the contract whose part is still to come: only the value that asks for nothing is taken.
    static func notYet(_ part: String, unless value: String = "") -> @Sendable (String) -> String? {
        { $0 == value || $0.isEmpty ? nil : "\(part) is not there yet; leave it out" }
    }

    static func oneOf(_ words: [String]) -> @Sendable (String) -> String? {
        { words.contains($0) ? nil : "must be one of \(words.joined(separator: ", "))" }
    }

    static func integer(_ range: ClosedRange<Int>) -> @Sendable (String) -> String? {
        { Int($0).map(range.contains) == true ? nil : "must be a whole number from \(range.lowerBound) to \(range.upperBound)" }
    }

    @Sendable static func command(_ text: String) -> String? {
        text.isEmpty || CommandWords.split(text) != nil
            ? nil : "must be a program and its arguments, every quote with its end (no shell is involved), or a list of words"
    }

    @Sendable static func tokenURL(_ text: String) -> String? { text.isEmpty ? nil : OAuth2Configuration.defect(tokenURL: text) }

    @Sendable static func duration(_ text: String) -> String? {
        milliseconds(text).map { $0 > 0 } == true ? nil : "must be a duration such as 500ms, 30s, 2m or 24h"
    }

    @Sendable static func size(_ text: String) -> String? {
        text == "auto" || bytes(text) != nil ? nil : "must be auto, or a size such as 512KiB, 64MiB or 2GiB"
    }

    static func bytes(_ text: String) -> Int64? {
        for (unit, shift) in [("KiB", 10), ("MiB", 20), ("GiB", 30)] where text.hasSuffix(unit) {
            guard let number = Int64(text.dropLast(unit.count)), number >= 0, number < 1 << 20 else { return nil }
            return number << Int64(shift)
        }
        return text == "0" ? 0 : nil
    }

    static func milliseconds(_ text: String) -> Int64? {
        for (unit, factor) in [("ms", 1.0), ("s", 1000), ("m", 60_000), ("h", 3_600_000)] where text.hasSuffix(unit) {
            guard let number = Double(text.dropLast(unit.count)), number >= 0, number <= 1e9 else { return nil }
            return Int64(number * factor)
        }
        return nil
    }
}

extension Settings {
    /// Reads `50ms`, `30s`, `2m`, `24h`; nil for anything else.
    public static func duration(_ text: String) -> Duration? { Check.milliseconds(text).map { .milliseconds($0) } }
}
