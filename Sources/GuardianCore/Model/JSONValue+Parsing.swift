extension JSONValue {
    /// Reads one JSON value. Nests at most ``JSONScanner/maximumDepth`` levels; throws a ``JSONScanner/Defect`` that names the byte.
    ///
    /// Half of a surrogate pair (`\ud800`), which no text can hold, becomes U+FFFD, or is a defect when `isStrict`.
    public init(parsing text: String, isStrict: Bool = false) throws(JSONScanner.Defect) {
        try self.init(parsing: text, isStrict: isStrict, most: .max)
    }

    /// As ``init(parsing:isStrict:)``, but an array or an object is given up as soon as it turns out to be longer than `most` bytes, so
    /// that what is built of a long text is bounded too. Space between its parts does not count, and an escape counts as what it means.
    package init(parsing text: String, isStrict: Bool, most: Int) throws(JSONScanner.Defect) {
        var text = text
        var result: Result<JSONValue, JSONScanner.Defect> = .success(.null)
        text.withUTF8 { bytes in
            var parser = Parser(bytes: bytes, isStrict: isStrict, most: most)
            do throws(JSONScanner.Defect) {
                let value = try parser.value(depth: 0)
                try parser.finish()
                result = .success(value)
            } catch {
                result = .failure(error)
            }
        }
        self = try result.get()
    }

    /// Hands over the elements of an array one at a time, with their places, so that no more than one of them is held; what is no array is
    /// handed over whole, without a place. Each may have `most` bytes, counted as ``init(parsing:isStrict:most:)`` does.
    ///
    /// Returns whether it was an array. Throws what `take` throws, and for what is not JSON a validation error of `field` that names the
    /// byte; what came before that byte was handed over.
    package static func forEachElement(
        of text: String, field: String, most: Int, _ take: (_ element: JSONValue, _ place: Int?) throws(SyncError) -> Void
    ) throws(SyncError) -> Bool {
        var text = text
        var result: Result<Bool, SyncError> = .success(false)
        text.withUTF8 { bytes in
            var parser = Parser(bytes: bytes, isStrict: true, most: most)
            do throws(SyncError) { result = .success(try parser.elements(field: field, take)) } catch { result = .failure(error) }
        }
        return try result.get()
    }

    /// The value of a text that was checked when it was stored; nil for none, and for one that can't be read all the same.
    package static func reading(_ text: String?) -> JSONValue? {
        guard let text else { return nil }
        do { return try JSONValue(parsing: text) } catch { return nil }
    }
}

private struct Parser {
    let bytes: UnsafeBufferPointer<UInt8>
    let isStrict: Bool
    /// Bytes at most of the value that is read.
    let most: Int
    var at = 0
    /// The byte that the value may reach at most. It moves on with what does not count.
    private var reach = 0

    init(bytes: UnsafeBufferPointer<UInt8>, isStrict: Bool, most: Int) {
        self.bytes = bytes
        self.isStrict = isStrict
        self.most = most
        beginValue()
    }

    /// From here on another value is read. Half of the largest number leaves room for the bytes of any text.
    mutating func beginValue() { reach = at + min(most, Int.max / 2) }

    func checkLength() throws(JSONScanner.Defect) {
        guard at <= reach else { throw defect("has a value of more than \(most) bytes") }
    }

    mutating func elements(field: String, _ take: (JSONValue, Int?) throws(SyncError) -> Void) throws(SyncError) -> Bool {
        skipSpace()
        guard current == UInt8(ascii: "[") else {
            let value = try checked(field) { (parser: inout Parser) throws(JSONScanner.Defect) -> JSONValue in
                let value = try parser.value(depth: 0)
                try parser.finish()
                return value
            }
            try take(value, nil)
            return false
        }
        at += 1
        skipSpace()
        var isOpen = current != UInt8(ascii: "]")
        if !isOpen { at += 1 }
        var place = 0
        while isOpen {
            beginValue()
            let element = try checked(field) { (parser: inout Parser) throws(JSONScanner.Defect) -> JSONValue in
                try parser.value(depth: 1)
            }
            try take(element, place)
            place += 1
            isOpen = try checked(field) { (parser: inout Parser) throws(JSONScanner.Defect) -> Bool in try parser.hasMore() }
        }
        try checked(field) { (parser: inout Parser) throws(JSONScanner.Defect) -> Void in try parser.finish() }
        return true
    }

    /// What is not JSON, as an error of `field`.
    private mutating func checked<Found>(
        _ field: String, _ read: (inout Parser) throws(JSONScanner.Defect) -> Found
    ) throws(SyncError) -> Found {
        do throws(JSONScanner.Defect) { return try read(&self) } catch {
            throw .validation(field: field, constraint: "\(error.constraint) (at byte \(error.offset))")
        }
    }

    /// Goes over what follows an element of an array; says whether it was a comma.
    mutating func hasMore() throws(JSONScanner.Defect) -> Bool {
        skipSpace()
        let byte = current
        guard byte == UInt8(ascii: "]") || byte == UInt8(ascii: ",") else { throw isNotJSON() }
        at += 1
        return byte == UInt8(ascii: ",")
    }

    /// Goes to the end, where nothing but space may be left.
    mutating func finish() throws(JSONScanner.Defect) {
        skipSpace()
        guard at == bytes.count else { throw defect("has text after the JSON value") }
    }

    var current: UInt8 { at < bytes.count ? bytes[at] : 0 }

    func defect(_ constraint: String) -> JSONScanner.Defect { JSONScanner.Defect(constraint: constraint, offset: at) }

    func isNotJSON() -> JSONScanner.Defect { defect(at >= bytes.count ? "ends before the JSON does" : "is not JSON") }

    mutating func skipSpace() {
        let start = at
        while current == 0x20 || current == 0x0A || current == 0x0D || current == 0x09 { at += 1 }
        reach += at - start
    }

    mutating func value(depth: Int) throws(JSONScanner.Defect) -> JSONValue {
        skipSpace()
        switch current {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard depth < JSONScanner.maximumDepth else { throw defect("nests deeper than \(JSONScanner.maximumDepth) levels") }
            return current == UInt8(ascii: "{") ? try object(depth: depth) : try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONScanner.Defect) -> JSONValue {
        for index in 0..<text.utf8CodeUnitCount {
            guard current == text.utf8Start[index] else { throw isNotJSON() }
            at += 1
        }
        return value
    }

    mutating func number() throws(JSONScanner.Defect) -> JSONValue {
        let start = at
        func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }
        if current == UInt8(ascii: "-") { at += 1 }
        guard isDigit(current) else { throw isNotJSON() }
        if current == UInt8(ascii: "0") { at += 1 } else { while isDigit(current) { at += 1 } }
        if current == UInt8(ascii: ".") {
            at += 1
            guard isDigit(current) else { throw isNotJSON() }
            while isDigit(current) { at += 1 }
        }
        if current | 0x20 == UInt8(ascii: "e") {
            at += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { at += 1 }
            guard isDigit(current) else { throw isNotJSON() }
            while isDigit(current) { at += 1 }
        }
        return .number(String(decoding: bytes[start..<at], as: UTF8.self))
    }

    mutating func array(depth: Int) throws(JSONScanner.Defect) -> JSONValue {
        at += 1
        var elements: [JSONValue] = []
        skipSpace()
        if current == UInt8(ascii: "]") {
            at += 1
            return .array([])
        }
        while true {
            elements.append(try value(depth: depth + 1))
            try checkLength()
            skipSpace()
            if current == UInt8(ascii: "]") {
                at += 1
                return .array(elements)
            }
            guard current == UInt8(ascii: ",") else { throw isNotJSON() }
            at += 1
        }
    }

    mutating func object(depth: Int) throws(JSONScanner.Defect) -> JSONValue {
        at += 1
        var members: [JSONValue.Member] = []
        skipSpace()
        if current == UInt8(ascii: "}") {
            at += 1
            return .object([])
        }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw isNotJSON() }
            let name = try string()
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw isNotJSON() }
            at += 1
            members.append(JSONValue.Member(name, try value(depth: depth + 1)))
            try checkLength()
            skipSpace()
            if current == UInt8(ascii: "}") {
                at += 1
                return .object(members)
            }
            guard current == UInt8(ascii: ",") else { throw isNotJSON() }
            at += 1
        }
    }

    mutating func string() throws(JSONScanner.Defect) -> String {
        at += 1
        let start = at
        while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\"), bytes[at] >= 0x20 { at += 1 }
        if current == UInt8(ascii: "\"") {
            at += 1
            return String(decoding: bytes[start..<at - 1], as: UTF8.self)
        }
        var out = Array(bytes[start..<at])
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: out, as: UTF8.self)
            case 0..<0x20: throw defect("has a control character in a string")
            case UInt8(ascii: "\\"):
                let before = at - 1 - out.count
                try escape(into: &out)
                reach += at - out.count - before
            default: out.append(byte)
            }
        }
        throw defect("ends before the JSON does")
    }

    mutating func escape(into out: inout [UInt8]) throws(JSONScanner.Defect) {
        let byte = current
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hex4()
            if (0xD800..<0xDC00).contains(code), current == UInt8(ascii: "\\"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "u") {
                let before = at
                at += 2
                let low = try hex4()
                if (0xDC00..<0xE000).contains(low) {
                    code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                } else {
                    // A high surrogate alone; the escape behind it stands for itself.
                    at = before
                }
            }
            let scalar = Unicode.Scalar(code)
            if scalar == nil, isStrict { throw defect(JSONScanner.halfOfAPair) }
            out.append(contentsOf: String(scalar ?? "\u{FFFD}").utf8)
        default: throw defect("has a bad escape in a string")
        }
    }

    mutating func hex4() throws(JSONScanner.Defect) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = JSONScanner.hexDigit(current) else { throw defect("has a bad \\u escape") }
            value = value << 4 | digit
            at += 1
        }
        return value
    }
}
