/// A JSON value (RFC 8259). Numbers keep their text, so 2^53+1 stays what it was; members keep their order.
public indirect enum JSONValue: Sendable, Hashable {
    /// The word itself; a member that is not there is none.
    case null
    /// Never a number: 1 is not true.
    case bool(Bool)
    /// The number exactly as it was written.
    case number(String)
    /// Without its escapes; half of a surrogate pair has become U+FFFD.
    case string(String)
    /// In order; elements may be of any kind.
    case array([JSONValue])
    /// In the order written; of two with one name the last counts.
    case object([Member])

    /// One name and value of an object.
    public struct Member: Sendable, Hashable {
        /// Without escapes; compared byte by byte, to find a member and by ``JSONValue/means(_:)``.
        public var name: String
        /// `.null` where the JSON says null.
        public var value: JSONValue

        /// Both as they are; nothing is escaped before it is written.
        public init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// The member of that name, byte by byte, the last one when there are several; nil when there is none or this is no object.
    public subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name.isExactly(name) }?.value
    }

    /// nil for anything but a string: numbers are not made text.
    public var string: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// nil for anything but a number that is written as an integer of 64 bits: not for `1.0`, `1e3` or `"1"`.
    public var integer: Int64? {
        if case .number(let text) = self { return Int64(text) }
        return nil
    }

    /// Of an object, repeated names included; nil for anything else.
    public var members: [Member]? {
        if case .object(let members) = self { return members }
        return nil
    }

    /// Of an array; nil for anything else.
    public var elements: [JSONValue]? {
        if case .array(let elements) = self { return elements }
        return nil
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .number(String(value)) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements.map { Member($0.0, $0.1) }) }

    /// An integer.
    public init(_ value: Int64) { self = .number(String(value)) }
    /// null for nil and for what JSON has no number for.
    public init(number value: Double?) {
        if let value, value.isFinite {
            self = .number(Int64(exactly: value).map { String($0) } ?? "\(value)")
        } else {
            self = .null
        }
    }
    /// An integer.
    public init(_ value: Int) { self = .number(String(value)) }
    /// A text, or null.
    public init(_ value: String?) { self = value.map(JSONValue.string) ?? .null }
}

extension JSONValue {
    /// Compact JSON text.
    public var text: String {
        var out = [UInt8]()
        write(to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    package func write(to out: inout [UInt8]) {
        switch self {
        case .null: out.append(contentsOf: "null".utf8)
        case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let text): out.append(contentsOf: text.utf8)
        case .string(let text): Self.writeString(text, to: &out)
        case .array(let elements):
            out.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                element.write(to: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            out.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                Self.writeString(member.name, to: &out)
                out.append(UInt8(ascii: ":"))
                member.value.write(to: &out)
            }
            out.append(UInt8(ascii: "}"))
        }
    }

    /// Appends `text` as a JSON string, quotes included.
    package static func writeString(_ text: String, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            // What needs no escape goes in as a whole.
            var start = 0
            for place in bytes.indices where needsEscape(bytes[place]) {
                out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<place]))
                writeEscape(bytes[place], to: &out)
                start = place + 1
            }
            out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...]))
        }
        out.append(UInt8(ascii: "\""))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool { byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") }

    private static func writeEscape(_ byte: UInt8, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(byte)
        case 0x0A: out.append(UInt8(ascii: "n"))
        case 0x0D: out.append(UInt8(ascii: "r"))
        case 0x09: out.append(UInt8(ascii: "t"))
        default:
            let (high, low) = (byte >> 4, byte & 15)
            out.append(contentsOf: "u00".utf8)
            for digit in [high, low] { out.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10) }
        }
    }
}
