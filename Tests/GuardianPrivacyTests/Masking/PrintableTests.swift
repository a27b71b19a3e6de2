import GuardianCore
import GuardianPrivacy
import Testing

@Suite struct PrintableTests {
    @Test(
        "control characters reach no terminal: C0, DEL and C1 are written as their JSON escapes",
        arguments: [
            ("\u{1B}[2J", #"\u001b[2J"#), ("a\rb", #"a\u000db"#), ("\u{9B}0m", #"\u009b0m"#), ("\u{7F}\u{0}\u{7}", #"\u007f\u0000\u0007"#),
            ("a\r\nb", "a\\u000d\nb"), ("two\nlines\tand a tab", "two\nlines\tand a tab"), ("Zoë · 你好\u{A0}👩‍👩‍👧", "Zoë · 你好\u{A0}👩‍👩‍👧"),
        ])
    func controls(text: String, printed: String) {
        #expect(text.printable == printed)
    }

    @Test("on one line nothing begins another, whatever ends a line")
    func lines() {
        #expect("a\nb\r\nc\td".printableLine == #"a\u000ab\u000d\u000ac\u0009d"#)
    }

    @Test("JSON means afterwards what it meant before")
    func json() throws {
        let value: JSONValue = ["message": .string("\u{1B}]52;c;eA==\u{7}\u{9B}2J\u{7F}\r\n")]
        let printed = value.text.printable
        let parsed = try JSONValue(parsing: printed)
        #expect(parsed == value)
        #expect(printed.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }
}
