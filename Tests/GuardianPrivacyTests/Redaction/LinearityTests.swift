import Foundation
import GuardianCore
import GuardianPrivacy
import Testing

@Suite("Any input, in linear time", .serialized)
struct LinearityTests {
    let redactor = Redactor.standard

    /// The shorter of two inputs, and the longer has ten times as much: 256 KiB, or `GUARDIAN_HOSTILE_KIB`.
    private static let size = (ProcessInfo.processInfo.environment["GUARDIAN_HOSTILE_KIB"].flatMap { Int($0) } ?? 256) << 10

    /// CPU seconds of this thread: a loaded machine does not count.
    private static func seconds(_ work: () -> Void) -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
        let start = now()
        work()
        return now() - start
    }

    /// Text that has made scanners hang: runs without an end, nests without a bottom, beginnings without what they begin.
    static let hostile: [(name: String, unit: String, tail: String)] = [
        ("a…@", "a", "@"), ("@@@", "@", ""), ("a@a@", "a@", ""), ("a.a.@", "a.", "@b"), ("digits", "1", ""), ("1-1-1", "1-", ""),
        ("1 1 1", "1 ", ""),
        ("+1+1", "+1", ""), ("(((", "(", ""), ("(1(1", "(1", ""), ("password=", "password=", ""), ("p=\"p=\"", "token=\"", ""),
        ("{\"pin\":{", "{\"pin\":{", ""),
        ("<password>", "<password>", ""), ("\\\\\\\"", "\\", "\"=x"), ("\\\"=", "\\\"=", ""), ("eyJ.", "eyJ", "."),
        ("eyJa.", "eyJaaaaaaaaaa.", ""), ("://", "://", ""),
        ("http://a:", "http://a:", ""), ("BEGIN", "-----BEGIN PRIVATE KEY-----", ""), ("AKIA", "AKIA", ""), ("bearer", "bearer ", ""),
        ("%40", "%40", ""),
        ("例@", "例", "@例.例"), ("\u{1}", "\u{1}", ""), ("x==", "x==", ""), ("a:b:", "a:b:", ""), ("--t-", "--token-", ""),
        ("DE12 ", "DE12 ", ""),
        ("spaces", " ", "="), ("quotes", "\"", ""), ("4111 ", "4111 ", ""), ("phone 12 ", "phone 12345 ", ""),
        ("sl.sl.", "sl.", ""), ("basic+", "basic+", ""), ("SG.sk-", "SG.sk-", ""), ("key word", "api key ", ":"),
        ("用a", "用a", ""), ("_eyJ.", "_eyJ.", ""), ("-eyJ-", "-eyJ-", "."), ("_pat_Aa", "_github_pat_Aa", ""), ("-sk-Aa", "-sk-Aa", ""),
        ("_hf_Ab", "_hf_Abcdefghijklmnopqrstu", ""), ("a_1", "a_1", ""), ("a_12-3", "a_12-3", ""), ("a_4111 ", "a_4111 ", ""),
        ("_1111", "_11111111111111", ""),
        ("pat.", "pat.", ""), ("nvapi-", "nvapi-", ""), ("abc8Q~", "abc8Q~", ""), (".atlasv1.", "abcdefghijklmn.atlasv1.", ""),
        ("用_", "用_", "@用.司"), ("用1@", "用1@b.司．", ""), ("．．", "a@b．", ""),
        ("[RED", "[REDACTED_", ""), ("[RED]=", "[REDACTED_A]=", ""),
        ("4111ghp", "4111-1111-1111-1111ghp_16C7e42F292c6912E7710c838347Ae178B4a", ""), ("a@b.司", "1@b.司", ""),
        ("is '", "password is 'a ", ""),
        ("is 1", "token is 1", ""), ("0 / 0", "089 / ", ""), ("é_1", "é_1", ""), ("é用a", "é用a", ""),
        ("_4111", "_4111111111111111", ""), ("é_4111", "é_4111111111111111", ""), ("1_4111_用", "1_4111111111111111_用", ""),
        ("_AKIA", "_AKIAIOSFODNN7EXAMPLE", ""), ("111x", "1", "x12"), ("111 111x", "1 1111", "x12"),
        // Names in a value that has no end of its own, and stays for the mark in it.
        ("pass=x", "pass=x", "[REDACTED]"), ("pass=x/", "pass=x/", "[REDACTED]"), ("tokens:x/", "tokens:x/", "[REDACTED]"),
        ("null[RED]", "password=null[REDACTED]", ""), ("token:null[RED]", "token:null[REDACTED]", ""),
        ("cookie: null", "cookie: null [REDACTED] ", ""), ("passphrase: the", "passphrase: the [REDACTED] ", ""),
        ("'pass':x/", "'pass':x/", "[REDACTED]"), ("\\\"pass", "\\\"pass\\\":x/", "[REDACTED]"), ("?key=x", "?key=x", "[REDACTED]"),
        ("pass%3D", "pass%3Dx/", "[REDACTED]"), ("%3Fpass%253D", "%3Fpass%253Dx/", "[REDACTED]"),
        ("\\npass=x/", "\\npass=x/", "[REDACTED]"), ("bearer+", "bearer+", "a=b"), ("bearer+=", "bearer+=+", ""),
        ("<password >", "<password ", ">"), ("<password>x", "<password>x", ""), ("password '", "password '", ""),
        ("name: token", "name: token, ", ""), ("Optional(", "password: Optional(", "\""), ("[][]=", "[]", "=x"),
        ("token[1]=", "token[1]=[REDACTED]", ""), ("%2525", "%2525", "token%3Dx"), ("x=\"a\"", "Cookie: x=\"a\", ", ""),
        ("０", "０", ""), ("０-", "０-", ""), ("０９０", "０９０-１２３４-５６７８", ""), ("密码：", "密码：a", ""), ("auth=", "auth=", ""),
        ("auth: ", "auth: YWJjOmRlZg ", ""), ("curl -u", "curl -u a:b ", ""), ("-u 'a:", "-u 'a:b ", "'"),
        ("denied", "authorization: denied ", ""), ("pin: 12", "pin: 12 ", ""), ("%B4", "%B4111", "^"), ("06 12", "06 12 34 56 78 ", ""),
        ("01 ", "01 ", ""), ("415/415", "415-555-2671/", ""), ("BEGIN\\n", "-----BEGIN PRIVATE KEY-----\\nA ", ""),
        ("BEGIN A", "-----BEGIN PRIVATE KEY-----\nA\nx y\n", ""), ("key=BEGIN", "token=\"-----BEGIN PRIVATE KEY-----", ""),
    ]

    @Test("Ten times the bytes take ten times as long, and little more", arguments: hostile.indices)
    func growsLinearly(index: Int) {
        let (name, unit, tail) = Self.hostile[index]
        Self.expectLinear(name, unit: unit, tail: tail) { _ = redactor.redact($0) }
    }

    /// JSON that has made parsers hang, as a beginning, what comes again and again, and an end.
    static let hostileJSON: [(name: String, head: String, unit: String, tail: String)] = [
        ("[[[", "", "[", ""), ("[1,[1,", "", "[1,", ""), ("{a:{a:", "", #"{"a":"#, ""), ("{pin:[", "", #"{"pin":["#, ""),
        ("members", "{", #""a":1,"#, #""b":2}"#), ("secrets", "{", #""password":"x","#, #""b":2}"#),
        ("secret structures", "[", #"{"apiKey":{"a":[1,2]}},"#, "1]"), ("one secret structure", #"{"token":["#, "[1],", "1]}"),
        ("labels", "{", #""name":"pin","value":"1","#, #""b":2}"#), ("labels apart", "[", #"{"name":"pin","value":"1"},"#, "1]"),
        ("one label", #"{"name":""#, "pin-", #"","value":1}"#), ("addresses", "[", #""a@b.io","#, "1]"), ("one text", #"[""#, "a", #""]"#),
        ("one text of @", #"[""#, "a@", #""]"#), ("escapes", #"[""#, #"\u0040"#, #""]"#), ("half an escape", #"[""#, #"\ud800"#, #""]"#),
        ("backslashes", #"[""#, #"\\"#, #""]"#), ("quotation marks", #"[""#, #"\"token\":\""#, #""]"#),
        ("cards", "[", "4111111111111111,", "1]"),
        ("one number", "[", "1", "]"), ("one name", #"{""#, "token", #"":1}"#), ("one escaped name", #"{""#, #"\u0074oken"#, #"":1}"#),
        ("spaces", "[", " ", "]"), ("no end", #"[""#, "a", ""), ("no end of names", "{", #""a""#, ""), ("two values", "{}", "{}", ""),
        ("commas", "[", ",", "]"), ("colons", #"{"a""#, ":", "1}"), ("secrets without an end", "", #"{"pin":"#, ""),
    ]

    @Test("So does JSON, whole or broken", arguments: hostileJSON.indices)
    func jsonGrowsLinearly(index: Int) {
        let (name, head, unit, tail) = Self.hostileJSON[index]
        Self.expectLinear(name, head: head, unit: unit, tail: tail) { bytes in
            var out: [UInt8] = []
            bytes.withUnsafeBufferPointer { redactor.redact(json: $0, into: &out) }
        }
    }

    /// How many times as long ten times the bytes may take. Beside other tests the long input loses the caches that the short one fits into;
    /// what grows faster than its input takes a hundred times as long.
    private static let mostTimes = ProcessInfo.processInfo.environment["GUARDIAN_MEASURE_ALONE"] == nil ? 16.0 : 12.0

    private static func expectLinear(_ name: String, head: String = "", unit: String, tail: String, _ work: @escaping ([UInt8]) -> Void) {
        func text(_ size: Int) -> [UInt8] { Array((head + String(repeating: unit, count: size / unit.utf8.count) + tail).utf8) }
        let (small, large) = (text(Self.size), text(10 * Self.size))
        func pair() -> (short: Double, long: Double) {
            (max(0.004, (0..<3).map { _ in seconds { work(small) } }.min() ?? 0), seconds { work(large) })
        }
        var (short, long) = pair()
        // What else the machine does only adds, so that one good pair says it; what grows faster than its input has none.
        for _ in 0..<29 where long > short * mostTimes { (short, long) = pair() }
        #expect(long <= short * mostTimes, "\(name): \(short) s, then \(long) s")
        #expect(long < 5, "\(name): \(long) s")
    }

    @Test("A million a and an @ are looked at once")
    func longLocalPart() {
        let text = String(repeating: "a", count: 1_000_000) + "@"
        let took = Self.seconds { #expect(redactor.redact(text) == text) }
        #expect(took < 1, "\(took) s")
    }

    @Test("Quotation marks that none of the others closes are not looked for by each")
    func slashes() {
        let text = (1...2800).map { "ssn=" + String(repeating: "\\", count: $0) + "\"123-45-6789 " }.joined()
        let took = Self.seconds { #expect(!redactor.redact(text).contains("6789")) }
        #expect(took < 2, "\(took) s")
    }

    @Test("Ten thousand levels of JSON are walked without recursion")
    func deepJSON() {
        let deep = String(repeating: "{\"a\":[", count: 10_000) + "{\"password\":\"canary\"}" + String(repeating: "]}", count: 10_000)
        let redacted = redactor.redact(json: deep)
        #expect(!redacted.contains("canary"))
        #expect(redacted.utf8.count == deep.utf8.count + 4)
        let broken = String(repeating: "[", count: 1_000_000)
        #expect(redactor.redact(json: broken) == broken)
    }

    @Test("Invalid UTF-8 and NUL pass through, and what is between them goes")
    func brokenBytes() {
        let bytes: [UInt8] = [0xFF, 0xC0, 0x00] + Array("a@b.io".utf8) + [0x00, 0xE2, 0x82] + Array(" 4111111111111111 ".utf8) + [0x80]
        let expected: [UInt8] =
            [0xFF, 0xC0, 0x00] + Array("[REDACTED_EMAIL]".utf8) + [0x00, 0xE2, 0x82] + Array(" [REDACTED_CC] ".utf8) + [0x80]
        #expect(redactor.redact(bytes) == expected)
    }

    @Test("A stream keeps its lines, wherever it is cut")
    func streamKeepsLines() {
        let lines =
            (0..<2000).map { "line \($0) password=canary\($0) a\($0)@b.io" } + [
                "-----BEGIN RSA PRIVATE KEY-----", "canaryAAAA", "canaryBBBB", "-----END RSA PRIVATE KEY-----", "",
            ]
        let input = Array(lines.joined(separator: "\n").utf8)
        for size in [1, 7, 4096, input.count] {
            var stream = LineRedaction()
            var out: [UInt8] = []
            for start in stride(from: 0, to: input.count, by: size) {
                input[start..<min(start + size, input.count)].withUnsafeBufferPointer { stream.take($0, into: &out) }
            }
            stream.finish(into: &out)
            let text = String(decoding: out, as: UTF8.self)
            #expect(!text.contains("canary"), "pieces of \(size)")
            #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count == lines.count, "pieces of \(size)")
        }
    }

    @Test("Redacting again changes nothing")
    func isIdempotent() {
        var corpus = Corpus(seed: 7)
        for kind in Corpus.Kind.allCases {
            for sample in corpus.positives(kind, count: 200) {
                let once = redactor.redact(sample.text)
                #expect(redactor.redact(once) == once, "\(sample.text)")
            }
        }
    }

    @Test("Log text goes through at 100 MB/s of one core at least when it is measured alone")
    func isFast() {
        var corpus = Corpus(seed: 1)
        var text = ""
        while text.utf8.count < 4 << 20 {
            text +=
                "2024-01-15T10:30:00.123Z INFO [worker-3] operation \(corpus.fill("hhhhhhhh-hhhh-4hhh-ahhh-hhhhhhhhhhhh")) settled after \(corpus.digits(3)) ms, attempt 1 of 5\n"
                + "{\"timestamp\":\"2024-01-15T10:30:00.123Z\",\"level\":\"info\",\"message\":\"processed\",\"trace_id\":\"\(corpus.fill("hhhhhhhh-hhhh-4hhh-ahhh-hhhhhhhhhhhh"))\",\"fields\":{\"latency_ms\":\(corpus.digits(2)),\"seq\":\(corpus.digits(6))}}\n"
                + "10.0.3.\(corpus.digits(2)) - - [15/Jan/2024:10:30:00 +0000] \"POST /api/v1/rooms/\(corpus.digits(4)) HTTP/1.1\" 200 \(corpus.digits(4)) \"-\" \"guardian/1.2.3\"\n"
        }
        let bytes = Array(text.utf8)
        var copy: [UInt8] = []
        let took = (0..<5).map { _ in Self.seconds { _ = redactor.redact(bytes) } }.min() ?? 1
        let copied = (0..<5).map { _ in Self.seconds { copy = bytes.map { $0 } } }.min() ?? 1
        #expect(copy.count == bytes.count)
        let speed = Double(bytes.count) / 1e6 / took
        print("measured: \(Int(speed)) MB/s redacted, \(Int(Double(bytes.count) / 1e6 / copied)) MB/s copied byte by byte")
        // Beside other tests the caches and the second thread of a core are shared; `make accept ITEM=redaction-speed` measures alone.
        let bound = ProcessInfo.processInfo.environment["GUARDIAN_MEASURE_ALONE"] == nil ? 60.0 : 100.0
        #expect(speed >= bound, "\(speed) MB/s")
    }
}
