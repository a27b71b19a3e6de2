import GuardianPrivacy
import Testing

@Suite struct PrincipalHashTests {
    @Test("a principal's hash is its HMAC-SHA256, as in RFC 4231, case 2")
    func vector() {
        #expect(
            PrincipalHash(salt: "Jefe")("what do ya want for nothing?")
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test("one principal has one hash in a store, and another in every other")
    func salted() {
        #expect(PrincipalHash(salt: "a")("u") == PrincipalHash(salt: "a")("u"))
        #expect(PrincipalHash(salt: "a")("u") != PrincipalHash(salt: "b")("u"))
        #expect(PrincipalHash(salt: "a")("u") != PrincipalHash(salt: "a")("v"))
    }
}
