public import GuardianCore
import Synchronization

/// Takes personal data and secrets out of text and of JSON: one engine, used by every way out.
///
/// In text it knows e-mail addresses, phone numbers, payment cards, US social security numbers, IBANs, JSON web tokens, bearer and basic
/// credentials, keys of known shape, credentials in URLs, and values that stand behind a sensitive name (`password=…`,
/// `"apiKey":"…"`) or beside one (`"name":"pin","value":"…"`). In structures it also replaces whatever stands under a sensitive name, at
/// any depth and in any spelling.
///
/// It reads bytes from left to right, in time that grows with their number and nothing else; invalid UTF-8 passes through as it is. A line
/// in which a mark changes how what stands before it reads is looked at again, ``mostRounds`` times at most. Redacting twice gives what
/// redacting once gave, unless more secrets than that hang on each other. The number of lines never changes.
public struct Redactor: Sendable {
    let rules: RedactionRules

    /// The one that every way out of the process uses. Without anything that is an app's own, until an app sets it: once, before it starts.
    public static var standard: Redactor {
        get { shared.withLock { $0 } }
        set { shared.withLock { $0 = newValue } }
    }

    private static let shared = Mutex(Redactor())

    /// `names`: further names whose values are secret, in any spelling (`patientID` also covers `patient_id`). `exempt`: names that are
    /// not, though they look so. `patterns`: further shapes that are replaced wherever they stand.
    public init(names: [String] = [], exempt: [String] = [], patterns: [RedactionPattern] = []) {
        rules = RedactionRules(names: SensitiveNames(more: names, exempt: exempt), patterns: patterns)
    }

    /// `text` without what it should not tell.
    public func redact(_ text: String) -> String {
        var text = text
        let redacted = text.withUTF8 { bytes in scan(bytes, hint: .none) }
        return redacted.map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    /// `bytes` without what they should not tell; bytes that are no UTF-8 stay as they are.
    public func redact(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBufferPointer { scan($0, hint: .none) } ?? bytes
    }

    /// Appends `bytes` to `out`, redacted.
    package func redact(_ bytes: UnsafeBufferPointer<UInt8>, into out: inout [UInt8]) {
        if let redacted = scan(bytes, hint: .none) { out.append(contentsOf: redacted) } else { out.append(contentsOf: bytes) }
    }

    /// `value` with what stands under a sensitive name replaced whole, and every other text and number looked at as text.
    public func redact(_ value: JSONValue) -> JSONValue { redact(value, hint: .none) }

    /// Appends one JSON value, redacted as ``redact(_:)-(JSONValue)`` does, whatever its depth; what is not touched keeps its bytes. Bytes
    /// that hold no JSON are redacted as text.
    package func redact(json bytes: UnsafeBufferPointer<UInt8>, into out: inout [UInt8]) {
        if !JSONRedaction.redact(bytes, with: self, into: &out) { redact(bytes, into: &out) }
    }

    /// JSON text, redacted; see ``redact(json:into:)``.
    public func redact(json text: String) -> String {
        var text = text
        var out: [UInt8] = []
        text.withUTF8 { redact(json: $0, into: &out) }
        return String(decoding: out, as: UTF8.self)
    }

    /// Whether what stands under `name` is replaced whole.
    public func isSensitive(name: String) -> Bool {
        var name = name
        return name.withUTF8 { rules.names.verdict($0) } != .harmless
    }

    /// nil when there is nothing to take out.
    func scan(_ bytes: UnsafeBufferPointer<UInt8>, hint: NumberContext) -> [UInt8]? { scan(bytes, hint, rounds: Self.mostRounds) }

    /// How often a line is looked at again whose own marks may have changed how it reads.
    private static let mostRounds = 4

    private func scan(_ bytes: UnsafeBufferPointer<UInt8>, _ hint: NumberContext, rounds: Int) -> [UInt8]? {
        guard rules.patterns.isEmpty else {
            guard let first = RedactionPattern.replaced(rules.patterns, in: bytes) else { return pass(bytes, hint, rounds) }
            return first.withUnsafeBufferPointer { pass($0, hint, rounds) } ?? first
        }
        return pass(bytes, hint, rounds)
    }

    private func pass(_ bytes: UnsafeBufferPointer<UInt8>, _ hint: NumberContext, _ rounds: Int) -> [UInt8]? {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return nil }
        var scan = RedactionScan(start, count: bytes.count, rules: rules, hint: hint)
        scan.run()
        guard let out = scan.finished() else { return nil }
        guard !scan.doubtful.isEmpty, rounds > 0 else { return out }
        return out.withUnsafeBufferPointer { settled($0, scan.doubtful, hint, rounds - 1) } ?? out
    }

    /// `bytes` with the lines in which `marks` stand redacted again; nil when that changes nothing.
    private func settled(_ bytes: UnsafeBufferPointer<UInt8>, _ marks: [Int], _ hint: NumberContext, _ rounds: Int) -> [UInt8]? {
        var (out, copied, seen) = ([UInt8](), 0, 0)
        for mark in marks where mark >= seen {
            let start = bytes[seen..<mark].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? seen
            seen = bytes[mark...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            guard let line = scan(UnsafeBufferPointer(rebasing: bytes[start..<seen]), hint, rounds: rounds) else { continue }
            out.append(contentsOf: bytes[copied..<start])
            out.append(contentsOf: line)
            copied = seen
        }
        guard copied > 0 else { return nil }
        out.append(contentsOf: bytes[copied...])
        return out
    }
}

/// What a redactor knows beside its code.
final class RedactionRules: Sendable {
    let names: SensitiveNames
    let patterns: [RedactionPattern]

    init(names: SensitiveNames, patterns: [RedactionPattern]) {
        self.names = names
        self.patterns = patterns
    }
}
