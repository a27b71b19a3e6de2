#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// The members of one JSON object, as ranges of the text they came from.
struct JSONObject {
    struct Member {
        let name: String
        let value: Range<Int>
    }

    let bytes: [UInt8]
    let members: [Member]

    /// Reads a whole text that must be one object.
    init(_ bytes: [UInt8]) throws(JSONScanner.Fault) {
        try self.init(bytes, in: 0..<bytes.count)
    }

    /// Reads the object that fills `range`.
    init(_ bytes: [UInt8], in range: Range<Int>) throws(JSONScanner.Fault) {
        var scanner = JSONScanner(bytes, in: range)
        var members: [Member] = []
        scanner.skipBlanks()
        try scanner.expect(UInt8(ascii: "{"))
        scanner.skipBlanks()
        if scanner.peek == UInt8(ascii: "}") {
            scanner.index += 1
        } else {
            while true {
                scanner.skipBlanks()
                let key = try scanner.string()
                guard let name = Self.text(bytes, at: key.range, isEscaped: key.isEscaped) else {
                    throw JSONScanner.Fault(offset: key.range.lowerBound)
                }
                scanner.skipBlanks()
                try scanner.expect(UInt8(ascii: ":"))
                members.append(Member(name: name, value: try scanner.value(depth: 1)))
                scanner.skipBlanks()
                if scanner.peek == UInt8(ascii: "}") {
                    scanner.index += 1
                    break
                }
                try scanner.expect(UInt8(ascii: ","))
            }
        }
        try scanner.finish()
        if scanner.sawNonASCII, String(validating: bytes[range], as: UTF8.self) == nil {
            throw JSONScanner.Fault(offset: range.lowerBound)
        }
        self.bytes = bytes
        self.members = members
    }

    /// Where the value of `name` is; of the last one, when a name comes twice.
    subscript(_ name: String) -> Range<Int>? { members.last { $0.name == name }?.value }

    /// The object at `name`; nil when there is none.
    func object(_ name: String) -> JSONObject? {
        guard let range = self[name], bytes[range.lowerBound] == UInt8(ascii: "{") else { return nil }
        return try? JSONObject(bytes, in: range)
    }

    /// The string at `name`; nil when there is none.
    func string(_ name: String) -> String? {
        guard let range = self[name], bytes[range.lowerBound] == UInt8(ascii: "\"") else { return nil }
        return Self.text(bytes, at: range, isEscaped: bytes[range].contains(UInt8(ascii: "\\")))
    }

    /// The integer at `name`; nil when there is none, or it has decimals.
    func integer(_ name: String) -> Int? {
        self[name].flatMap { Int(String(decoding: bytes[$0], as: UTF8.self)) }
    }

    /// The string at a range, without its quotes; nil when its escapes make no text.
    private static func text(_ bytes: [UInt8], at range: Range<Int>, isEscaped: Bool) -> String? {
        guard isEscaped else { return String(decoding: bytes[(range.lowerBound + 1)..<(range.upperBound - 1)], as: UTF8.self) }
        return try? JSONDecoder().decode(String.self, from: Data(bytes[range]))
    }
}
