import GuardianCore
import Testing

@Suite struct JSONTests {
    @Test(
        "what was read is written byte for byte, numbers beyond 2^53 and beyond any type included",
        arguments: [
            "9007199254740993", "-9007199254740993", "18446744073709551616", "123456789012345678901234567890.5", "-0", "0.10", "1E400",
            "1e-7", "-2.5e+10", "null", "true", "false", "[]", "{}", #""""#, #"{"b":1,"a":[1,2,{"c":null}],"b":2}"#, #""€ 😀 é""#,
            #""\"\\\n\r\t\u0000\u001f""#,
        ])
    func roundTrips(text: String) throws { #expect(try JSONValue(parsing: text).text == text) }

    @Test("numbers keep their text; integers are those that fit 64 bits")
    func numbers() throws {
        #expect(try JSONValue(parsing: "9007199254740993").integer == 9_007_199_254_740_993)
        #expect(try JSONValue(parsing: "9223372036854775807").integer == .max)
        #expect(try JSONValue(parsing: "-9223372036854775808").integer == .min)
        #expect(try JSONValue(parsing: "9223372036854775808").integer == nil)
        #expect(try JSONValue(parsing: "1.0").integer == nil)
    }

    @Test(
        "every escape means its character",
        arguments: [
            (#""\"\\\/""#, "\"\\/"), (#""\b\f\n\r\t""#, "\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u20AC""#, "Aé€"), (#""\u0000""#, "\0"),
            (#""\ud83d\ude00""#, "😀"), (#""\uD834\uDD1Ex""#, "𝄞x"), (#""\ud83d""#, "\u{FFFD}"), (#""\ude00!""#, "\u{FFFD}!"),
            (#""\ud83d!""#, "\u{FFFD}!"),
        ])
    func escapes(text: String, meaning: String) throws { #expect(try JSONValue(parsing: text).string == meaning) }

    @Test(
        "half a pair of surrogates swallows nothing that follows it",
        arguments: [(#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀")])
    func loneSurrogates(text: String, meaning: String) throws {
        #expect(try JSONValue(parsing: text).string == meaning)
    }

    @Test(
        "strictly read, half a pair of surrogates is refused where it ends",
        arguments: [
            (#"{"a":"\ud83d"}"#, 12), (#"{"a":"\ude00!"}"#, 12), (#"{"a":"\ud83d\u0041"}"#, 12), (#"{"a":"\ud83d\ud83d\ude00"}"#, 12),
            (#"{"\ude00\ud83d":1}"#, 8), (#"{"a":"\ud83d\ude00"}"#, nil),
        ] as [(String, Int?)])
    func strictSurrogates(text: String, offset: Int?) throws {
        try JSONScanner.checkObject(text)
        guard let offset else {
            _ = try JSONValue(parsing: text, isStrict: true)
            return try JSONScanner.checkObject(text, isStrict: true)
        }
        #expect(#expect(throws: JSONScanner.Defect.self) { try JSONValue(parsing: text, isStrict: true) }?.offset == offset)
        #expect(#expect(throws: JSONScanner.Defect.self) { try JSONScanner.checkObject(text, isStrict: true) }?.offset == offset)
    }

    @Test("128 levels are read and checked, 129 refused by both, with the place")
    func depth() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: #"{"a":"#, count: levels - 1) + "{}" + String(repeating: "}", count: levels - 1)
        }
        _ = try JSONValue(parsing: nested(128))
        try JSONScanner.checkObject(nested(128))
        let parsed = #expect(throws: JSONScanner.Defect.self) { try JSONValue(parsing: nested(129)) }
        let scanned = #expect(throws: JSONScanner.Defect.self) { try JSONScanner.checkObject(nested(129)) }
        #expect(parsed == scanned)
        #expect(scanned?.constraint == "nests deeper than 128 levels" && scanned?.offset == 128 * 5)
    }

    @Test("deep arrays that hold scalars are told from deep objects, on either side of the 64th level")
    func kinds() throws {
        for levels in [1, 63, 64, 65, 127] {
            let text = #"{"a":"# + String(repeating: "[1,", count: levels) + "2" + String(repeating: "]", count: levels) + "}"
            try JSONScanner.checkObject(text)
            let crossed = text.dropLast(2) + "}]"
            #expect(throws: JSONScanner.Defect.self) { try JSONScanner.checkObject(String(crossed)) }
        }
    }

    @Test(
        "what is not JSON is refused at the byte where it stops being JSON",
        arguments: [
            (#"{"a":1,}"#, 7), (#"{"a":01}"#, 6), (#"{"a":1} x"#, 8), (#"{"a":"\x"}"#, 8), (#"{"a":nul}"#, 8), (#"{"a"}"#, 4),
            (#"{"é":+}"#, 6),
        ])
    func namesTheByte(text: String, offset: Int) {
        #expect(#expect(throws: JSONScanner.Defect.self) { try JSONValue(parsing: text) }?.offset == offset)
        #expect(#expect(throws: JSONScanner.Defect.self) { try JSONScanner.checkObject(text) }?.offset == offset)
    }

    @Test("the elements of an array are handed over as they are read, before what is behind them is looked at")
    func elementByElement() throws {
        func read(_ text: String, most: Int = .max) throws -> (elements: [JSONValue], places: [Int?], isArray: Bool) {
            var (elements, places): ([JSONValue], [Int?]) = ([], [])
            let isArray = try JSONValue.forEachElement(of: text, field: "body", most: most) {
                (element: JSONValue, place: Int?) throws(SyncError) -> Void in
                elements.append(element)
                places.append(place)
                if element == "stop" { throw SyncError.notFound(id: "stop") }
            }
            return (elements, places, isArray)
        }
        let array = try read(#" [1 , {"a":[2]},[] ] "#)
        let expected: [JSONValue] = [1, ["a": [2]], []]
        #expect(array.elements == expected)
        #expect(array.places == [0, 1, 2])
        #expect(array.isArray)
        let none = try read("[ ]")
        #expect(none.elements.isEmpty && none.isArray)
        let alone = try read(#"{"a":[2]} "#)
        let object: JSONValue = ["a": [2]]
        #expect(alone.elements == [object])
        #expect(alone.places == [nil])
        #expect(!alone.isArray)
        #expect(throws: SyncError.notFound(id: "stop")) { _ = try read(#"[1,"stop",no JSON"#) }
        for (text, says) in [
            ("[1,]", "is not JSON (at byte 3)"), ("[1 2]", "is not JSON (at byte 3)"), ("[1", "ends before the JSON does (at byte 2)"),
            ("[1] 2", "has text after the JSON value (at byte 4)"), ("{} 2", "has text after the JSON value (at byte 3)"),
            ("", "ends before the JSON does (at byte 0)"),
        ] {
            #expect(throws: SyncError.validation(field: "body", constraint: says)) { _ = try read(text) }
        }
        // Each for itself: both have five bytes.
        #expect(try read("[[1,2],[3,4]]", most: 5).elements.count == 2)
        #expect(throws: SyncError.self) { _ = try read("[[1,2],[3,4,5]]", most: 5) }
    }

    @Test("a value that is longer than it may be is given up where that shows; space and escapes make none longer")
    func longest() throws {
        let ones = "[" + String(repeating: "1,", count: 100)
        let defect = #expect(throws: JSONScanner.Defect.self) { try JSONValue(parsing: ones, isStrict: true, most: 20) }
        #expect(defect?.constraint == "has a value of more than 20 bytes")
        #expect((20...24).contains(defect?.offset ?? 0))
        for text in [#"{ "a" : [ 1 ,\#n 2 ] }                    "#, #"{"\u0061":"\u0434\u0434\ud83d\ude00"}"#] {
            let read = try JSONValue(parsing: text, isStrict: true, most: 16)
            #expect(try read == JSONValue(parsing: text))
        }
    }

    @Test("the last of two members of one name counts, and both are kept")
    func members() throws {
        let json = try JSONValue(parsing: #"{"a":1,"a":2}"#)
        #expect(json["a"] == 2)
        #expect(json.members?.count == 2)
        #expect(json["b"] == nil)
    }

    @Test("a member is found by exactly its name: two spellings of one accented letter are two names")
    func exactMembers() throws {
        let json = try JSONValue(parsing: "{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(json["\u{E9}"] == 1)
        #expect(json["e\u{301}"] == 2)
        let alone: JSONValue = ["a\u{301}\u{323}": 1]
        #expect(alone["a\u{323}\u{301}"] == nil)
        #expect(alone["a\u{301}\u{323}"] == 1)
    }

    @Test("seeded text of every kind survives writing and reading")
    func anyText() throws {
        var random = Xoshiro256(seed: 5)
        let scalars: [ClosedRange<UInt32>] = [0...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF]
        for _ in 0..<2000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0..<20, using: &random) {
                let range = scalars[Int.random(in: 0..<scalars.count, using: &random)]
                if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) { text.append(scalar) }
            }
            let value = JSONValue.object([.init(String(text), .string(String(text)))])
            #expect(try JSONValue(parsing: value.text) == value)
            try JSONScanner.checkObject(value.text)
        }
    }
}
