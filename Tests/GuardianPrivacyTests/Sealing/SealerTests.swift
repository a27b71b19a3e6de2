import Crypto
import Foundation
import GuardianPrivacy
import Testing

@Suite struct SealerTests {
    private let sealer = Sealer(salt: Array("salt".utf8))
    private let place = Sealer.Place(1, .number(7))

    private func open(_ sealed: [UInt8], _ keys: SealKeyring, at place: Sealer.Place? = nil, by sealer: Sealer? = nil) throws -> String {
        try sealed.withUnsafeBytes { try (sealer ?? self.sealer).open($0, with: keys, at: place ?? self.place) }
    }

    @Test("what is sealed opens under its key and at its place, and twice the same text is never the same bytes")
    func roundTrip() throws {
        let key = SealKey.random()
        let keys = SealKeyring(key)
        for text in ["", "{}", #"{"name":"Zoë"}"#, String(repeating: "x", count: 1 << 20)] {
            let (one, other) = (try sealer.seal(text, under: key, at: place), try sealer.seal(text, under: key, at: place))
            #expect(one != other)
            #expect(one.count == text.utf8.count + Sealer.overhead)
            #expect(try open(one, keys) == text)
            #expect(try open(other, keys) == text)
        }
    }

    @Test("another row, kind, store or key opens nothing, and says which it is")
    func isBound() throws {
        let key = SealKey.random()
        let keys = SealKeyring(key)
        let sealed = try sealer.seal("canary", under: key, at: place)
        let elsewhere: [Sealer.Place] = [.init(2, .number(7)), .init(1, .number(8)), .init(1, .name("7"))]
        for other in elsewhere { #expect(throws: SealError.tampered) { _ = try open(sealed, keys, at: other) } }
        #expect(throws: SealError.tampered) { _ = try open(sealed, keys, by: Sealer(salt: Array("other".utf8))) }
        #expect(throws: SealError.otherKey(key.id)) { _ = try open(sealed, SealKeyring(.random())) }
        #expect(try open(sealed, SealKeyring(.random(), others: [key])) == "canary")
    }

    @Test("each bit that is flipped and each byte that is cut is noticed")
    func isWhole() throws {
        let key = SealKey.random()
        let sealed = try sealer.seal("canary", under: key, at: place)
        for bit in 0..<sealed.count * 8 {
            var changed = sealed
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: SealError.self) { _ = try open(changed, SealKeyring(key)) }
        }
        for count in 0..<sealed.count { #expect(throws: SealError.self) { _ = try open(Array(sealed.prefix(count)), SealKeyring(key)) } }
    }

    @Test("it is AES-256-GCM: another hand opens it with the key, the nonce and the bound place")
    func isStandard() throws {
        let raw = Data((0..<32).map { UInt8($0) })
        let key = try #require(raw.withUnsafeBytes { SealKey(bytes: $0) })
        let sealed = try sealer.seal("canary", under: key, at: place)
        #expect(Array(sealed.prefix(9)) == Sealer.head(of: key.id))
        let box = try AES.GCM.SealedBox(combined: Data(sealed.dropFirst(9)))
        let bound = Data("salt".utf8) + [1, 0] + withUnsafeBytes(of: Int64(7).bigEndian) { Data($0) }
        #expect(try AES.GCM.open(box, using: SymmetricKey(data: raw), authenticating: bound) == Data("canary".utf8))
    }

    @Test("keys are read from base64 and hexadecimal lines, the first is the current one, and the text is wiped")
    func reads() throws {
        let bytes = Data((0..<32).map { UInt8(truncatingIfNeeded: $0 * 7) })
        let hex = bytes.map { String(format: "%02x", $0) }.joined()
        let other = Data(repeating: 9, count: 32)
        var text = Array("# two keys\n\(other.base64EncodedString()) # new\r\n\n  \(bytes.base64EncodedString())\n".utf8)
        let keys = try SealKeyring(reading: &text)
        #expect(text.isEmpty)
        let (first, second) = (
            try #require(other.withUnsafeBytes { SealKey(bytes: $0) }), try #require(bytes.withUnsafeBytes { SealKey(bytes: $0) })
        )
        #expect(keys.current.id == first.id)
        #expect(keys[second.id] != nil && keys[first.id] != nil)
        var short = Array("\(hex),\(other.base64EncodedString())".utf8)
        #expect(try SealKeyring(reading: &short).current.id == second.id)
    }

    @Test("a comment reaches to the end of its line, whatever stands in it")
    func comments() throws {
        let raw = [UInt8(1), 2, 3].map { Data(repeating: $0, count: 32) }
        let words = raw.map { $0.base64EncodedString() }
        var text = Array("\(words[0]) # mine, since 2024\n# \(words[2]), \(words[2])\r\n\(words[1]), # the old one, #2\n".utf8)
        let found = try SealKeyring(reading: &text)
        let keys = raw.compactMap { $0.withUnsafeBytes { SealKey(bytes: $0) } }
        #expect(found.current.id == keys[0].id)
        #expect(found[keys[1].id] != nil && found[keys[2].id] == nil)
    }

    @Test(
        "what is no key is refused, without a word of it",
        arguments: ["", "\n#x\n", "canary", String(repeating: "g", count: 64), String(repeating: "A", count: 44), "AAAA\nBBBB"])
    func refuses(text: String) {
        var bytes = Array(text.utf8)
        let error = #expect(throws: SealError.self) { _ = try SealKeyring(reading: &bytes) }
        #expect(error?.description.contains("canary") == false)
        #expect(bytes.isEmpty)
    }

    @Test("a key shows its id and nothing else, however it is printed")
    func isHidden() {
        let key = SealKey.random()
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), dumped] {
            #expect(text.contains(key.id.description))
            #expect(text.utf8.count < 200 && !text.contains("SymmetricKey"))
        }
    }

    /// In a process of its own, for other tests read the environment of this one, which may not be changed meanwhile.
    @Test("a wiped variable is gone from the environment")
    func wipes() async {
        await #expect(processExitsWith: .success) { try wipeVariable() }
    }
}

private func wipeVariable() throws {
    setenv("GUARDIAN_TEST_CANARY", "canary", 1)
    try #require(getenv("GUARDIAN_TEST_CANARY") != nil)
    Wipe.environment("GUARDIAN_TEST_CANARY")
    try #require(getenv("GUARDIAN_TEST_CANARY") == nil)
}
