import GuardianCore
import GuardianHTTP
import GuardianPostgres
import GuardianPrivacy

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A configuration that can't be used: which key, and what to do.
package struct SettingsError: Error, Sendable, CustomStringConvertible {
    package var key: String
    package var message: String
    package var description: String { "\(key): \(message)" }

    package init(_ key: String, _ message: String) {
        self.key = key
        self.message = message
    }
}

/// Every setting of the binary with where it came from: flags over `GUARDIAN_*` over one YAML file over defaults (spec section 12).
package struct Settings: Sendable {
    package enum Source: String, Sendable {
        case defaults = "default"
        case file, environment, flag
    }

    package struct Value: Sendable {
        package var text: String
        package var source: Source
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
    /// Keys with lists of entries, which only a file can hold.
    static let lists = ["upstream.routes", "upcasters"]

    private static let deliveryKeys: [Key] = [
        Key(name: "data_dir", fallback: "./guardian-data", check: Check.path),
        Key(name: "store", fallback: "sqlite", check: Check.store),
        Key(name: "listen", fallback: "127.0.0.1:8080", check: Check.any),
        Key(name: "token_file", fallback: "", check: Check.any),
        Key(name: "tls.certificate_file", fallback: "", check: Check.any),
        Key(name: "tls.key_file", fallback: "", check: Check.any),
        Key(name: "api.socket_mode", fallback: "0600", check: Check.mode),
        Key(name: "api.body_limit", fallback: "16MiB", check: Check.bodyLimit),
        Key(name: "api.connections", fallback: "1024", check: Check.integer(1...100_000)),
        Key(name: "api.rate", fallback: "0", check: Check.integer(0...1_000_000)),
        Key(name: "api.patience", fallback: "10s", check: Check.duration),
        Key(name: "workers", fallback: "4", check: Check.integer(1...1024)),
        Key(name: "concurrency", fallback: "fixed", check: Check.oneOf(["fixed", "adaptive"])),
        Key(name: "ordering", fallback: "entity", check: Check.oneOf(["entity", "strict"])),
        Key(name: "limits.payload", fallback: "1MiB", check: Check.payloadLimit),
        Key(name: "ledger.answers", fallback: "creates", check: Check.oneOf(KeptAnswers.allCases.map(\.rawValue))),
        Key(name: "upstream.url", fallback: "http://127.0.0.1:8090", check: Check.any),
        Key(name: "upstream.envelope", fallback: "standard", check: Check.oneOf(["standard", "none"])),
        Key(name: "upstream.timeout", fallback: "30s", check: Check.duration),
        Key(name: "upstream.connect_timeout", fallback: "10s", check: Check.duration),
        Key(name: "upstream.allow_insecure", fallback: "false", check: Check.oneOf(["true", "false"])),
        Key(
            name: "upstream.compression", fallback: "none",
            check: Check.oneOf(HTTPTransportConfiguration.Compression.allCases.map(\.rawValue))),
        Key(name: "upstream.compression_min_size", fallback: "1KiB", check: Check.compressionSize),
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
        Key(name: "upstream.auth.ca_file", fallback: "", check: Check.any),
        Key(name: "upstream.auth.timeout", fallback: "30s", check: Check.duration),
        Key(name: "retry.base", fallback: "1s", check: Check.duration),
        Key(name: "retry.max", fallback: "30s", check: Check.duration),
        Key(name: "retry.max_attempts", fallback: "5", check: Check.integer(1...1000)),
        Key(name: "breaker.failures", fallback: "10", check: Check.integer(1...10_000)),
        Key(name: "breaker.window", fallback: "60s", check: Check.duration),
        Key(name: "breaker.cool_down", fallback: "60s", check: Check.duration),
        Key(name: "lock.heartbeat", fallback: "10s", check: Check.duration),
        Key(name: "lock.stale_after", fallback: "2m", check: Check.duration),
        Key(name: "upstream.pins", fallback: "", check: Check.pins),
        Key(name: "upstream.ca_file", fallback: "", check: Check.any),
        Key(name: "disk.first_watermark", fallback: "auto", check: Check.size),
        Key(name: "disk.second_watermark", fallback: "auto", check: Check.size),
        Key(name: "disk.reserve", fallback: "auto", check: Check.size),
        Key(name: "disk.low_priority", fallback: "0", check: Check.integer(-100...100)),
        Key(name: "seal.key_file", fallback: "", check: Check.any),
        Key(name: "seal.key", fallback: "", check: Check.any, isSecret: true),
        Key(name: "admin.enabled", fallback: "false", check: Check.oneOf(["true", "false"])),
        Key(name: "admin.token_file", fallback: "", check: Check.any),
        Key(name: "rollout.guard", fallback: "false", check: Check.oneOf(["true", "false"])),
        Key(name: "rollout.error_rate", fallback: "0.05", check: Check.share),
        Key(name: "rollout.window", fallback: "1m", check: Check.duration),
        Key(name: "rollout.windows", fallback: "3", check: Check.integer(1...1000)),
        Key(name: "rollout.fewest", fallback: "20", check: Check.integer(1...1_000_000)),
        Key(name: "rollout.watch", fallback: "24h", check: Check.duration),
        Key(name: "metrics.enabled", fallback: "true", check: Check.oneOf(["true", "false"])),
        Key(name: "metrics.window", fallback: "5m", check: Check.duration),
        Key(name: "alerts.enabled", fallback: "true", check: Check.oneOf(["true", "false"])),
        Key(name: "alerts.every", fallback: "1s", check: Check.duration),
        Key(name: "alerts.clear_after", fallback: "1m", check: Check.span),
        Key(name: "alerts.least_traffic", fallback: "20", check: Check.integer(1...1_000_000)),
        Key(name: "alerts.failed_rate.threshold", fallback: "10", check: Check.number(0...1e9)),
        Key(name: "alerts.failed_rate.window", fallback: "1m", check: Check.duration),
        Key(name: "alerts.failed_rate.for", fallback: "0s", check: Check.span),
        Key(name: "alerts.queue_depth.threshold", fallback: "1000", check: Check.number(0...1e12)),
        Key(name: "alerts.queue_depth.for", fallback: "1h", check: Check.span),
        Key(name: "alerts.circuit_trips.threshold", fallback: "50", check: Check.number(0...1e9)),
        Key(name: "alerts.circuit_trips.window", fallback: "24h", check: Check.duration),
        Key(name: "alerts.latency.threshold", fallback: "5s", check: Check.duration),
        Key(name: "alerts.latency.for", fallback: "5m", check: Check.span),
        Key(name: "alerts.success_rate.threshold", fallback: "90", check: Check.number(0...100)),
        Key(name: "alerts.success_rate.for", fallback: "5m", check: Check.span),
        Key(name: "redaction.names", fallback: "", check: Check.any),
        Key(name: "redaction.exempt", fallback: "", check: Check.any),
        Key(name: "redaction.patterns", fallback: "", check: Check.patterns),
    ]

    package private(set) var values: [String: Value]
    /// The entries of `upstream.routes`, as they were read.
    private(set) var routes: [[String: any Sendable]] = []
    /// The entries of `upcasters`, as they were read.
    private(set) var upcasters: [UpcasterEntry] = []

    /// `flags` has dotted keys. Throws a ``SettingsError`` for the first thing that is wrong; ``ConfigurationCheck`` finds them all.
    package init(file: String? = nil, environment: [String: String] = [:], flags: [String: String] = [:]) throws {
        var defects: [SettingsError] = []
        self.init(file: file, environment: environment, flags: flags, defects: &defects)
        if let first = defects.first { throw first }
    }

    /// Whatever is wrong goes to `defects`, and the default stands in its place.
    init(file: String?, environment: [String: String], flags: [String: String], defects: inout [SettingsError]) {
        values = Dictionary(uniqueKeysWithValues: Self.keys.map { ($0.name, Value(text: $0.fallback, source: .defaults)) })
        if let file = file ?? environment["GUARDIAN_CONFIG"] { read(file: file, &defects) }
        let names = Dictionary(uniqueKeysWithValues: Self.keys.map { (Self.variable(of: $0.name), $0.name) })
        for (name, text) in environment {
            if let key = names[name] { values[key] = Value(text: text, source: .environment) }
        }
        for (key, text) in flags { values[key] = Value(text: text, source: .flag) }
        for key in Self.keys {
            guard let value = values[key.name], let defect = Self.defect(of: value, key) else { continue }
            defects.append(defect)
            values[key.name] = Value(text: key.fallback, source: .defaults)
        }
    }

    private static func defect(of value: Value, _ key: Key) -> SettingsError? {
        if key.isSecret, value.source == .file || value.source == .flag {
            let name = variable(of: key.name)
            return SettingsError(
                key.name, "must not stand here; put it into the environment (\(name)), or into the file that \(key.name)_file names")
        }
        return key.check(value.text).map { wrong in
            SettingsError(key.name, "\(wrong) (it is \"\(shown(key, value.text))\", from the \(value.source.rawValue))")
        }
    }

    /// Runs what may find something wrong, and keeps that.
    static func collect(_ defects: inout [SettingsError], _ body: () throws -> Void) {
        do { try body() } catch let error as SettingsError { defects.append(error) } catch {
            defects.append(SettingsError("config", ErrorWords.of(error)))
        }
    }

    private mutating func read(file: String, _ defects: inout [SettingsError]) {
        var tree: Any?
        Self.collect(&defects) {
            let text: String
            do throws(TextFile.Unreadable) { text = try TextFile.text(of: file) } catch {
                throw SettingsError("config", "\(file) can't be read: \(error.reason)")
            }
            do { tree = try YAMLTree.read(text) } catch let error as SettingsError { throw error } catch {
                throw SettingsError("config", "\(file) is not YAML: \(YAMLTree.words(for: error))")
            }
        }
        guard let tree, (tree as? YAMLScalar)?.isNull != true else { return }
        guard let map = tree as? [String: Any] else { return defects.append(SettingsError("config", "\(file) must be a map of keys")) }
        var seen: Set<String> = []
        flatten(map, "", &seen, &defects)
    }

    /// `seen` are the keys that stood before, in whichever spelling: under their section, or with dots.
    private mutating func flatten(
        _ map: [String: Any], _ prefix: String, _ seen: inout Set<String>, _ defects: inout [SettingsError]
    ) {
        for (name, value) in map.sorted(by: { $0.key < $1.key }) {
            guard !name.isEmpty else {
                defects.append(SettingsError("config", "a key is empty\(prefix.isEmpty ? "" : " (under \(prefix.dropLast()))")"))
                continue
            }
            // What no key can be may be a secret that stands in the wrong place.
            let word = name.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) }
            guard word.count == name.count else {
                defects.append(SettingsError("config", "the key that begins with \"\(word)\" has a sign in it that no key has"))
                continue
            }
            let key = prefix + name
            if let inner = value as? [String: Any], !Self.lists.contains(key) {
                flatten(inner, key + ".", &seen, &defects)
            } else if !seen.insert(key).inserted {
                defects.append(SettingsError(key, "is there twice: under its section, and with a dot in its name; take one of them out"))
            } else if key == "upstream.routes" {
                takeRoutes(value, key, &defects)
            } else {
                Self.collect(&defects) { try take(value, key) }
            }
        }
    }

    /// Takes the entries of a list; what can't be read of one is left out of it. A list of which everything is commented out says nothing.
    private mutating func takeRoutes(_ value: Any, _ key: String, _ defects: inout [SettingsError]) {
        if (value as? YAMLScalar)?.isNull == true { return }
        guard let list = value as? [[String: Any]] else { return defects.append(SettingsError(key, "must be a list of maps")) }
        routes = list.enumerated().map { index, entry in
            var kept: [String: any Sendable] = [:]
            for (name, member) in entry.sorted(by: { $0.key < $1.key }) {
                Self.collect(&defects) { kept[name] = try Self.texts(member, "\(key)[\(index)]") }
            }
            return kept
        }
    }

    /// Takes what stands under one key. A section, or a list of entries, of which everything is commented out says nothing.
    private mutating func take(_ value: Any, _ key: String) throws {
        let example = Self.keys.first { $0.name.hasPrefix(key + ".") }?.name
        if (value as? YAMLScalar)?.isNull == true, example != nil || Self.lists.contains(key) { return }
        if let example { throw SettingsError(key, "is a section; give what belongs in it, such as \(example)") }
        if key == "upcasters" {
            upcasters = try UpcasterEntry.list(value)
        } else {
            guard values[key] != nil else {
                let near = NearestName.of(key, in: Self.keys.map(\.name)).map { "; did you mean \($0)?" } ?? ""
                throw SettingsError(key, "is not a known key" + near)
            }
            values[key] = Value(text: try Self.text(value, key), source: .file)
        }
    }

    /// A value of the file as the text of a setting.
    private static func text(_ value: Any, _ key: String) throws -> String {
        if let list = value as? [Any] {
            let words = try list.map { try scalar($0, key).text }
            if key == "upstream.auth.command" { return CommandWords.join(words) }
            guard key == "upstream.pins" || key.hasPrefix("redaction.") else { throw SettingsError(key, "must be a single value") }
            // A pattern may have a comma in it.
            return words.joined(separator: key == "redaction.patterns" ? "\n" : ",")
        }
        let found = try scalar(value, key)
        let isFlag = keys.first { $0.name == key }.map { $0.check("true") == nil && $0.check("false") == nil && $0.check("maybe") != nil }
        return isFlag == true ? found.flag : found.text
    }

    private static func scalar(_ value: Any, _ key: String) throws -> YAMLScalar {
        guard let scalar = value as? YAMLScalar else { throw SettingsError(key, "must be text or a list of texts") }
        guard !scalar.isNull else { throw SettingsError(key, "has no value; give it one, or leave the key out") }
        return scalar
    }

    /// A value of a route: lists and maps keep their shape, every scalar is the text that was written.
    private static func texts(_ value: Any, _ key: String) throws -> any Sendable {
        if let list = value as? [Any] {
            let all = try list.map { try texts($0, key) }
            return all as? [String] ?? all
        }
        if let map = value as? [String: Any] {
            let all = try map.mapValues { try texts($0, key) }
            return all as? [String: String] ?? all
        }
        return try scalar(value, key).text
    }

    /// What the file named by `key` holds, without space around it; nil when the key is not set.
    package func secret(_ key: String) throws -> String? {
        let file = text(key)
        guard !file.isEmpty else { return nil }
        let content: String
        do throws(TextFile.Unreadable) { content = try TextFile.text(of: file) } catch {
            throw SettingsError(key, "\(file) can't be read: \(error.reason)")
        }
        let trimmed = String(content.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        guard !trimmed.isEmpty else { throw SettingsError(key, "\(file) is empty") }
        return trimmed
    }

    /// The environment's variables that hold secrets.
    package static var secretVariables: [String] { keys.filter(\.isSecret).map { variable(of: $0.name) } }

    /// The words of a list.
    func words(_ key: String) -> [String] { Check.words(text(key)) }

    package func text(_ key: String) -> String { values[key]?.text ?? "" }
    package func integer(_ key: String) -> Int { Int(text(key)) ?? 0 }
    package func number(_ key: String) -> Double { Double(text(key)) ?? 0 }
    /// Bytes; nil for `auto`.
    func bytes(_ key: String) -> Int64? { Check.bytes(text(key)) }
    package func milliseconds(_ key: String) -> Int64 { Check.milliseconds(text(key)) ?? 0 }

    /// Key, value and source of each setting, in the order of the list; of the lists of entries, how many there are.
    package var lines: [(key: String, value: String, source: String)] {
        let single = Self.keys.map { ($0.name, Self.shown($0, text($0.name)), values[$0.name]?.source.rawValue ?? "default") }
        let lists = [("upstream.routes", routes.count), ("upcasters", upcasters.count)].map { name, count in
            (name, count == 1 ? "1 entry" : "\(count) entries", count == 0 ? Source.defaults.rawValue : Source.file.rawValue)
        }
        return single + lists
    }

    /// A value as it may be shown: no secret, and no credentials in a URL.
    private static func shown(_ key: Key, _ text: String) -> String {
        if key.isSecret { return text.isEmpty ? "" : Secret.mask }
        if DatabaseAddress.isOne(text) { return DatabaseAddress.masked(text) }
        let text = Redactor.standard.redact(text)
        guard let scheme = text.firstRange(of: "://") else { return text }
        let authority = text[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let at = authority.lastIndex(of: "@") else { return text }
        return text[..<scheme.upperBound] + Secret.mask + text[at...]
    }
}

extension Settings: CustomStringConvertible, CustomReflectable {
    /// Every key and its value, secrets masked.
    package var description: String { lines.map { "\($0.key) = \($0.value)" }.joined(separator: "\n") }
    package var customMirror: Mirror { Mirror(self, children: lines.map { ($0.key, $0.value) }) }
}

/// Rules for single values: nil when a text is fine, else what it must be.
enum Check {
    @Sendable static func any(_ text: String) -> String? { nil }

    @Sendable static func path(_ text: String) -> String? { text.isEmpty ? "must be a path" : nil }

    @Sendable static func store(_ text: String) -> String? {
        if text == "sqlite" { return nil }
        guard DatabaseAddress.isOne(text) else { return "must be sqlite or postgresql://…" }
        do throws(StoreError) { _ = try DatabaseAddress(text) } catch {
            if case .unavailable(let what) = error { return what }
            return "is not a URL of a database"
        }
        return nil
    }

    static func oneOf(_ words: [String]) -> @Sendable (String) -> String? {
        { words.contains($0) ? nil : "must be one of \(words.joined(separator: ", "))" }
    }

    static func integer(_ range: ClosedRange<Int>) -> @Sendable (String) -> String? {
        { Int($0).map(range.contains) == true ? nil : "must be a whole number from \(range.lowerBound) to \(range.upperBound)" }
    }

    @Sendable static func share(_ text: String) -> String? {
        Double(text).map { $0 > 0 && $0 < 1 } == true ? nil : "must be a share between 0 and 1, such as 0.05"
    }

    @Sendable static func command(_ text: String) -> String? {
        text.isEmpty || CommandWords.split(text) != nil
            ? nil : "must be a program and its arguments, every quote with its end (no shell is involved), or a list of words"
    }

    @Sendable static func tokenURL(_ text: String) -> String? { text.isEmpty ? nil : OAuth2Configuration.defect(tokenURL: text) }

    @Sendable static func pins(_ text: String) -> String? {
        do throws(HTTPConfigurationError) {
            _ = try CertificatePin.list(words(text))
            return nil
        } catch {
            return error.message
        }
    }

    /// The parts of a list of words with commas between them.
    static func words(_ text: String) -> [String] { text.split { $0 == "," || $0.isWhitespace }.map { String($0) } }

    /// One a line.
    @Sendable static func patterns(_ text: String) -> String? {
        for line in text.split(separator: "\n") {
            do throws(RedactionPattern.Defect) { _ = try RedactionPattern(String(line)) } catch { return "\(line): \(error)" }
        }
        return nil
    }

    @Sendable static func duration(_ text: String) -> String? {
        milliseconds(text).map { $0 > 0 } == true ? nil : "must be a duration such as 500ms, 30s, 2m or 24h"
    }

    /// A duration that may be none.
    @Sendable static func span(_ text: String) -> String? {
        milliseconds(text) == nil ? "must be a duration such as 0s, 30s, 2m or 24h" : nil
    }

    static func number(_ range: ClosedRange<Double>) -> @Sendable (String) -> String? {
        { Double($0).map(range.contains) == true ? nil : "must be a number from \(range.lowerBound) to \(range.upperBound)" }
    }

    @Sendable static func size(_ text: String) -> String? {
        text == "auto" || bytes(text) != nil ? nil : "must be auto, or a size such as 512KiB, 64MiB or 2GiB"
    }

    @Sendable static func bodyLimit(_ text: String) -> String? {
        bytes(text).map { (1...(1 << 30)).contains($0) } == true ? nil : "must be a size from 1KiB to 1GiB, such as 16MiB"
    }

    @Sendable static func payloadLimit(_ text: String) -> String? {
        bytes(text).map { (1 << 10...8 << 20).contains($0) } == true ? nil : "must be a size from 1KiB to 8MiB, such as 1MiB"
    }

    @Sendable static func compressionSize(_ text: String) -> String? {
        bytes(text).map { (0...8 << 20).contains($0) } == true ? nil : "must be a size from 0 to 8MiB, such as 1KiB"
    }

    /// Permission bits of a socket.
    @Sendable static func mode(_ text: String) -> String? {
        UInt32(text, radix: 8).map { $0 & 0o600 == 0o600 && $0 <= 0o777 } == true ? nil : "must be permission bits such as 0600 or 0660"
    }

    static func bytes(_ text: String) -> Int64? {
        for (unit, shift) in [("KiB", 10), ("MiB", 20), ("GiB", 30)] where text.hasSuffix(unit) {
            guard let number = Int64(text.dropLast(unit.count)), number >= 0, number < 1 << 20 else { return nil }
            return number << Int64(shift)
        }
        return text == "0" ? 0 : nil
    }

    /// What can be counted in nanoseconds: some 250 years.
    private static let longest = 8e12

    static func milliseconds(_ text: String) -> Int64? {
        for (unit, factor) in [("ms", 1.0), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)] where text.hasSuffix(unit) {
            guard let number = Double(text.dropLast(unit.count)), number >= 0, number * factor <= longest else { return nil }
            return Int64(number * factor)
        }
        return nil
    }
}
