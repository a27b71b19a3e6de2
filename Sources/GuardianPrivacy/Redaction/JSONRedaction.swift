import GuardianCore

/// Redacts JSON text without building it: one pass, no recursion, however deep it nests. What is not touched keeps its bytes.
struct JSONRedaction {
    private let base: UnsafePointer<UInt8>
    private let count: Int
    private let redactor: Redactor
    private var at = 0
    /// Up to where the input is settled.
    private var copied = 0
    private var out: [UInt8] = []
    /// One for each open container: the lowest bit says that it is an object, the highest that a member of it is a ``Label`` for the one
    /// called `value`, the others what its name says of numbers.
    private var open: [UInt8] = []
    private static let labelled: UInt8 = 0x80
    private var hint = NumberContext.none

    private init(_ bytes: UnsafeBufferPointer<UInt8>, _ base: UnsafePointer<UInt8>, _ redactor: Redactor) {
        (self.base, count, self.redactor) = (base, bytes.count, redactor)
    }

    /// Appends `bytes`, which hold one JSON value, redacted. False, and nothing appended, when they hold something else.
    static func redact(_ bytes: UnsafeBufferPointer<UInt8>, with redactor: Redactor, into out: inout [UInt8]) -> Bool {
        guard let base = bytes.baseAddress else { return false }
        var walk = JSONRedaction(bytes, base, redactor)
        guard walk.walk() else { return false }
        if walk.copied == 0 {
            out.append(contentsOf: bytes)
        } else {
            out.append(contentsOf: walk.out)
            out.append(contentsOf: bytes[walk.copied...])
        }
        return true
    }

    // MARK: Walking

    private enum Step { case value, end, broken }

    private mutating func walk() -> Bool {
        var step = Step.value
        while step != .broken {
            if step == .end {
                guard let kind = open.last else { return rest() }
                step = close(kind)
            } else {
                step = value()
            }
        }
        return false
    }

    /// One that begins here: a scalar to its end, a container to its first value.
    private mutating func value() -> Step {
        skipSpace()
        guard at < count else { return .broken }
        let isObject = base[at] == UInt8(ascii: "{")
        guard isObject || base[at] == UInt8(ascii: "[") else { return scalar() ? .end : .broken }
        open.append(hint.rawValue << 1 | (isObject ? 1 : 0))
        at += 1
        skipSpace()
        if current == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { return .end }
        return isObject ? member() : .value
    }

    /// Behind a value in a container of that kind.
    private mutating func close(_ kind: UInt8) -> Step {
        skipSpace()
        let isObject = kind & 1 == 1
        if current == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
            at += 1
            open.removeLast()
            return .end
        }
        guard current == UInt8(ascii: ",") else { return .broken }
        at += 1
        hint = NumberContext(rawValue: (kind & ~Self.labelled) >> 1) ?? .none
        return isObject ? member() : .value
    }

    /// A member's name; its value too, when that has to go.
    private mutating func member() -> Step {
        skipSpace()
        guard let range = string() else { return .broken }
        let (found, own, shown) = named(range)
        if own != .none { hint = own }
        if let shown { replaceString(range, with: shown) }
        skipSpace()
        guard current == UInt8(ascii: ":") else { return .broken }
        at += 1
        skipSpace()
        let verdict = found == .harmless ? beside(range) : found
        guard verdict != .harmless || holdsLogin(range), at < count, isTaken(verdict) else { return .value }
        let start = at
        guard skip() else { return .broken }
        put(start, at, Array("\"[REDACTED]\"".utf8))
        return .end
    }

    /// What a member before it says of the value that begins here, and whose name at `range` is harmless. Remembers what that value says
    /// of another.
    private mutating func beside(_ range: Range<Int>) -> SensitiveNames.Verdict {
        let name = UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)
        if Label.isValue(name) { return open[open.count - 1] & Self.labelled != 0 ? .secret : .harmless }
        if Label.announces(name), isSensitiveName() { open[open.count - 1] |= Self.labelled }
        return .harmless
    }

    /// Whether the text that begins here is a sensitive name.
    private mutating func isSensitiveName() -> Bool {
        let start = at
        defer { at = start }
        guard let range = string() else { return false }
        return Label.verdict(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count), redactor.rules.names) != .harmless
    }

    /// Whether the text that begins here is a login, and the name at `range` one under which some are kept.
    private mutating func holdsLogin(_ range: Range<Int>) -> Bool {
        guard StoredLogin.isName(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)) else { return false }
        let start = at
        defer { at = start }
        guard let text = string() else { return false }
        guard isEscaped(text) else { return StoredLogin.isWhole(UnsafeBufferPointer(start: base + text.lowerBound, count: text.count)) }
        return unescaped(text).withUnsafeBufferPointer { StoredLogin.isWhole($0) }
    }

    /// Whether what begins here goes with its name: counts and answers may stay under some.
    private func isTaken(_ verdict: SensitiveNames.Verdict) -> Bool {
        if verdict == .counted || verdict == .weak, isMark { return false }
        let isText = current == UInt8(ascii: "\"") || current == UInt8(ascii: "{") || current == UInt8(ascii: "[")
        return isText || (verdict != .counted && verdict != .weak) || (verdict == .counted && current > UInt8(ascii: "9"))
    }

    /// Whether the text that begins here is nothing but the mark of an earlier pass.
    private var isMark: Bool {
        guard current == UInt8(ascii: "\""), let end = RedactionMark.end(in: UnsafeBufferPointer(start: base, count: count), from: at + 1)
        else { return false }
        return end < count && base[end] == UInt8(ascii: "\"")
    }

    private func named(_ range: Range<Int>) -> (verdict: SensitiveNames.Verdict, hint: NumberContext, shown: [UInt8]?) {
        guard isEscaped(range) else { return redactor.named(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)) }
        return unescaped(range).withUnsafeBufferPointer { redactor.named($0) }
    }

    private mutating func scalar() -> Bool {
        let start = at
        switch base[at] {
        case UInt8(ascii: "\""):
            guard let range = string() else { return false }
            replaceString(range, hint: hint)
        case UInt8(ascii: "t"): return word("true")
        case UInt8(ascii: "f"): return word("false")
        case UInt8(ascii: "n"): return word("null")
        default:
            guard number() else { return false }
            guard at - start >= 7, let redacted = redactor.scan(UnsafeBufferPointer(start: base + start, count: at - start), hint: hint)
            else {
                return true
            }
            put(start, at, [UInt8(ascii: "\"")] + redacted + [UInt8(ascii: "\"")])
        }
        return true
    }

    /// Goes behind the value that begins here.
    private mutating func skip() -> Bool {
        var kinds: [Bool] = []
        repeat {
            skipSpace()
            guard at < count else { return false }
            switch base[at] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                kinds.append(base[at] == UInt8(ascii: "{"))
                at += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard kinds.popLast() == (base[at] == UInt8(ascii: "}")) else { return false }
                at += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard !kinds.isEmpty else { return false }
                at += 1
            case UInt8(ascii: "\""): guard string() != nil else { return false }
            case UInt8(ascii: "t"): guard word("true") else { return false }
            case UInt8(ascii: "f"): guard word("false") else { return false }
            case UInt8(ascii: "n"): guard word("null") else { return false }
            default: guard number() else { return false }
            }
        } while !kinds.isEmpty
        return true
    }

    // MARK: Tokens

    private var current: UInt8 { at < count ? base[at] : 0 }

    private mutating func skipSpace() {
        while at < count, base[at] == 0x20 || base[at] == 0x0A || base[at] == 0x0D || base[at] == 0x09 { at += 1 }
    }

    private mutating func rest() -> Bool {
        skipSpace()
        return at == count
    }

    private mutating func word(_ text: StaticString) -> Bool {
        for byte in text.bytes {
            guard current == byte else { return false }
            at += 1
        }
        return true
    }

    private mutating func number() -> Bool {
        let start = at
        while at < count, base[at] &- 48 < 10 || "+-.eE".utf8.contains(base[at]) { at += 1 }
        return at > start
    }

    /// What stands between the quotation marks of the string that begins here.
    private mutating func string() -> Range<Int>? {
        guard current == UInt8(ascii: "\"") else { return nil }
        let start = at + 1
        var index = start
        while index < count, base[index] != UInt8(ascii: "\""), base[index] >= 0x20 { index += base[index] == UInt8(ascii: "\\") ? 2 : 1 }
        guard index < count, base[index] == UInt8(ascii: "\"") else { return nil }
        at = index + 1
        return start..<index
    }

    // MARK: Text

    private func isEscaped(_ range: Range<Int>) -> Bool {
        for index in range where base[index] == UInt8(ascii: "\\") { return true }
        return false
    }

    private mutating func replaceString(_ range: Range<Int>, hint: NumberContext) {
        let redacted: [UInt8]?
        if isEscaped(range) {
            redacted = unescaped(range).withUnsafeBufferPointer { redactor.scan($0, hint: hint) }
        } else {
            redacted = redactor.scan(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count), hint: hint)
        }
        if let redacted { replaceString(range, with: redacted) }
    }

    private mutating func replaceString(_ range: Range<Int>, with redacted: [UInt8]) {
        var text: [UInt8] = []
        JSONValue.writeString(redacted, to: &text)
        put(range.lowerBound - 1, range.upperBound + 1, text)
    }

    private mutating func put(_ start: Int, _ end: Int, _ bytes: [UInt8]) {
        if out.isEmpty { out.reserveCapacity(count + 64) }
        out.append(contentsOf: UnsafeBufferPointer(start: base + copied, count: start - copied))
        out.append(contentsOf: bytes)
        copied = end
    }

    private func unescaped(_ range: Range<Int>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = base[index]
            guard byte == UInt8(ascii: "\\"), index + 1 < range.upperBound else {
                text.append(byte)
                index += 1
                continue
            }
            index += 2
            switch base[index - 1] {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"): index = scalar(at: index, before: range.upperBound, into: &text)
            default: text.append(base[index - 1])
            }
        }
        return text
    }

    /// Reads the digits of `\u….`, and the second half of a pair; returns where they end.
    private func scalar(at index: Int, before end: Int, into text: inout [UInt8]) -> Int {
        guard let code = hex(index, end) else { return index }
        var (code32, next) = (code, index + 4)
        if code & 0xFC00 == 0xD800, next + 1 < end, base[next] == UInt8(ascii: "\\"), base[next + 1] == UInt8(ascii: "u"),
            let low = hex(next + 2, end), low & 0xFC00 == 0xDC00
        {
            code32 = 0x10000 + (code & 0x3FF) << 10 + (low & 0x3FF)
            next += 6
        }
        text.append(contentsOf: String(Unicode.Scalar(code32) ?? "\u{FFFD}").utf8)
        return next
    }

    private func hex(_ start: Int, _ end: Int) -> UInt32? {
        guard start + 4 <= end else { return nil }
        var code: UInt32 = 0
        for index in start..<start + 4 {
            switch base[index] {
            case 48...57: code = code << 4 | UInt32(base[index] - 48)
            case 65...70: code = code << 4 | UInt32(base[index] - 55)
            case 97...102: code = code << 4 | UInt32(base[index] - 87)
            default: return nil
            }
        }
        return code
    }
}

extension JSONValue {
    /// Appends UTF-8 text as a JSON string, quotation marks included; broken UTF-8 stays broken.
    static func writeString(_ text: [UInt8], to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x0A: out.append(contentsOf: "\\n".utf8)
            case 0x0D: out.append(contentsOf: "\\r".utf8)
            case 0x09: out.append(contentsOf: "\\t".utf8)
            case 0..<0x20: out.append(contentsOf: "\\u00\(byte < 16 ? "0" : "1")\(String(byte & 15, radix: 16))".utf8)
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}
