import Foundation
import GuardianCore
import GuardianHTTP
import Testing

@Suite struct JWTExpiryTests {
    /// A token of these claims. Nobody has signed it.
    static func token(_ claims: String, padded: Bool = false) -> String {
        func part(_ text: String) -> String {
            let text = Data(text.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            return padded ? text : String(text.prefix { $0 != "=" })
        }
        return part(#"{"alg":"none"}"#) + "." + part(claims) + "." + part("signature")
    }

    @Test("exp is read, with padding and without, as a whole number and with decimals", arguments: [false, true])
    func reads(padded: Bool) {
        for claims in [#"{"exp":1300819380}"#, #"{"a":"ÿÿÿ>?","exp":1300819380.5,"iat":1300819000}"#, #"{"exp":1.30081938e9}"#] {
            let jwt = JWTExpiry(Self.token(claims, padded: padded))
            #expect(jwt.map { $0.expiresAt.milliseconds / 1000 } == 1_300_819_380, "\(claims)")
        }
        #expect(JWTExpiry(Self.token(#"{"exp":10,"iat":4}"#))?.issuedAt == Timestamp(milliseconds: 4000))
        #expect(JWTExpiry(Self.token(#"{"exp":10,"iat":40}"#))?.issuedAt == nil)
    }

    @Test(
        "what is no JWT with an exp says nothing",
        arguments: [
            "", ".", "..", "...", "a.b.c", "opaque", "a.eyJ9.c", "a.!!!!.c", "a.====.c", token("[]"), token("{}"),
            token(#"{"exp":"soon"}"#),
            token(#"{"exp":-1}"#), token(#"{"exp":1e300}"#), token(#"{"exp":null}"#), token(#"{"exp":"#), token("{}") + ".d.e",
            "a." + String(repeating: "A", count: 100_000) + ".c",
        ])
    func garbage(text: String) { #expect(JWTExpiry(text) == nil) }

    @Test("ten thousand random texts are read without harm")
    func random() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = Xoshiro256(seed: seed)
        let alphabet = Array("AZaz09-_=+/. {}\"é".unicodeScalars)
        var read = 0
        for _ in 0..<10_000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int(random.next() % 60) { text.append(alphabet[Int(random.next() % UInt64(alphabet.count))]) }
            if JWTExpiry(String(text)) != nil { read += 1 }
        }
        #expect(read == 0, "seed \(seed)")
    }

    @Test("the next token is asked for 60 s before the end, or a fifth of a shorter life")
    func leeway() async throws {
        let clock = HandClock()
        let start = clock.now.wall.milliseconds / 1000
        for (life, left, wait) in [(3600, 3600, 3540), (100, 100, 80), (3600, 1800, 1740), (3600, 30, 15)] as [(Int64, Int64, Int64)] {
            let text = Self.token("{\"exp\":\(start + left),\"iat\":\(start + left - life)}")
            let tokens = ClosureTokens(clock: clock) { _ in FetchedToken(text) }
            let issued = try await tokens.issued()
            #expect(issued.renewInMs == wait * 1000, "\(life) s, \(left) s left")
            #expect(issued.expiresAt == Timestamp(milliseconds: (start + left) * 1000))
        }
    }

    @Test("a token that is over on arrival, by a clock that may be wrong, is not asked for again and again")
    func wrongClock() async throws {
        let clock = HandClock()
        let text = Self.token("{\"exp\":\(clock.now.wall.milliseconds / 1000 - 3600)}")
        let calls = Counter()
        let tokens = ClosureTokens(clock: clock) { _ in
            calls.add()
            return FetchedToken(text)
        }
        for _ in 0..<10 {
            let issued = try await tokens.issued()
            #expect(issued.renewInMs == nil && issued.expiresAt != nil)
            clock.advance(seconds: 60)
        }
        #expect(calls.count == 1)
    }

    @Test("a wall clock that jumps ends no token that has a life of its own")
    func jump() async throws {
        let clock = HandClock()
        let calls = Counter()
        let tokens = ClosureTokens(clock: clock) { _ in
            calls.add()
            return FetchedToken("opaque", expiresIn: .seconds(600))
        }
        _ = try await tokens.issued()
        clock.setWall(Timestamp(milliseconds: 4_000_000_000_000))
        _ = try await tokens.issued()
        #expect(calls.count == 1)
    }
}
