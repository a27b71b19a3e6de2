extension JSONValue {
    /// Whether both say the same: the order of members and the spelling of numbers do not matter, that of elements does.
    ///
    /// Numbers are compared exactly (`1`, `1.0` and `1e0` are equal; 2^53 and 2^53 + 1 are not), text and names byte by byte. Of two
    /// members with one name the last counts. A value that nests deeper than ``JSONScanner/maximumDepth`` equals nothing.
    public func means(_ other: JSONValue) -> Bool {
        switch (self, other) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.string(let one), .string(let other)): one.utf8.elementsEqual(other.utf8)
        case (.number(let one), .number(let other)): one == other || Self.canonicalNumber(one) == Self.canonicalNumber(other)
        case (.array, .array), (.object, .object):
            if let meaning { meaning == other.meaning } else { false }
        default: false
        }
    }

    /// Whether all that `sent` holds stands here too, with the same values; members beside it are allowed, also in nested objects.
    ///
    /// Arrays must have as many elements, each holding its counterpart.
    package func holds(_ sent: JSONValue) -> Bool { holds(sent, levels: JSONScanner.maximumDepth) }

    private func holds(_ sent: JSONValue, levels: Int) -> Bool {
        switch (self, sent) {
        case (.object(let members), .object(let sentMembers)):
            guard levels > 0 else { return false }
            let table = MemberTable(members)
            let sentTable = MemberTable(sentMembers)
            return sentTable.names.allSatisfy { name in
                guard let here = table[name], let there = sentTable[name] else { return false }
                return here.holds(there, levels: levels - 1)
            }
        case (.array(let elements), .array(let sentElements)):
            guard levels > 0, elements.count == sentElements.count else { return false }
            return zip(elements, sentElements).allSatisfy { $0.holds($1, levels: levels - 1) }
        default: return means(sent)
        }
    }

    /// Bytes that are the same for values that mean the same, and for no others; nil when it nests too deep.
    var meaning: [UInt8]? {
        var out: [UInt8] = []
        return writeMeaning(to: &out, levels: JSONScanner.maximumDepth) ? out : nil
    }

    private func writeMeaning(to out: inout [UInt8], levels: Int) -> Bool {
        switch self {
        case .null, .bool, .string: write(to: &out)
        case .number(let text): out.append(contentsOf: Self.canonicalNumber(text).utf8)
        case .array(let elements):
            guard levels > 0 else { return false }
            out.append(UInt8(ascii: "["))
            for element in elements {
                guard element.writeMeaning(to: &out, levels: levels - 1) else { return false }
                out.append(UInt8(ascii: ","))
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            guard levels > 0 else { return false }
            let table = MemberTable(members)
            out.append(UInt8(ascii: "{"))
            for name in table.names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
                guard let value = table[name] else { continue }
                Self.writeString(name, to: &out)
                out.append(UInt8(ascii: ":"))
                guard value.writeMeaning(to: &out, levels: levels - 1) else { return false }
                out.append(UInt8(ascii: ","))
            }
            out.append(UInt8(ascii: "}"))
        }
        return true
    }

    private static func canonicalNumber(_ text: String) -> String { ExactDecimal(text)?.canonicalText ?? text }

    /// Whether it nests at most ``JSONScanner/maximumDepth`` levels. Takes no stack, however deep the value is.
    var isWithinDepth: Bool {
        var level = [self]
        for _ in 0..<JSONScanner.maximumDepth {
            level = level.flatMap(\.children)
            if level.isEmpty { return true }
        }
        return !level.contains { $0.isContainer }
    }

    private var isContainer: Bool { elements != nil || members != nil }

    private var children: [JSONValue] { elements ?? members?.map(\.value) ?? [] }
}
