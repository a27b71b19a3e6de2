import GuardianCore
import GuardianHTTP
import Testing

@Suite struct CommandWordsTests {
    @Test(
        "a line is parted as a shell would, and nothing is expanded",
        arguments: [
            ("a b  c\t d", ["a", "b", "c", "d"]), (#"a 'b c' "d e""#, ["a", "b c", "d e"]), (#"a\ b c"#, ["a b", "c"]),
            (#"a "b\"c" 'd\e' "f\g""#, ["a", #"b"c"#, #"d\e"#, #"f\g"#]), (#"a "" b"#, ["a", "", "b"]),
            ("a$HOME `b` *", ["a$HOME", "`b`", "*"]),
            (#"a'b'"c""#, ["abc"]),
        ])
    func splits(line: String, words: [String]) {
        #expect(CommandWords.split(line) == words)
        #expect(CommandWords.split(CommandWords.join(words)) == words)
    }

    @Test("what has no end, or no words, is no line", arguments: ["", "  ", "'a", "\"a", "a\\", "\"\" a"])
    func refuses(line: String) { #expect(CommandWords.split(line) == nil) }

    @Test("any words survive the way there and back")
    func roundTrip() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = Xoshiro256(seed: seed)
        let alphabet = Array(#"ab\"' $é"#)
        for _ in 0..<2000 {
            let words =
                ["p"]
                + (0..<3).map { _ in String((0..<Int(random.next() % 6)).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] })
                }
            #expect(CommandWords.split(CommandWords.join(words)) == words, "seed \(seed)")
        }
    }
}
