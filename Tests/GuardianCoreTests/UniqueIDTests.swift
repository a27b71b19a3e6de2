import GuardianCore
import Testing

/// Gives the words it was told to.
private struct FixedWords: RandomNumberGenerator {
    var words: [UInt64]
    mutating func next() -> UInt64 { words.removeFirst() }
}

@Suite struct UniqueIDTests {
    @Test("version 7 is laid out as in the example of RFC 9562, appendix A.6")
    func layoutOfVersion7() throws {
        let time = try #require(Timestamp(rfc3339: "2022-02-22T14:22:22.00-05:00"))
        var random = FixedWords(words: [0x18C4_DC0C_0C07_398F])
        let id = UniqueID.v7(tick: UInt64(time.milliseconds) << 12 | 0xCC3, using: &random)
        #expect(id.description == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    }

    @Test("version 4 is laid out as in the example of RFC 9562, appendix A.3")
    func layoutOfVersion4() {
        var random = FixedWords(words: [0x9191_08F7_52D1_0320 & 0xFFFF_FFFF_FFFF_0FFF, 0x5BAC_F847_DB41_48A8])
        #expect(UniqueID.v4(using: &random).description == "919108f7-52d1-4320-9bac-f847db4148a8")
    }

    @Test("whatever chance gives, version and variant bits are right, and no two are equal")
    func bits() {
        var random = Xoshiro256(seed: 2)
        var seen: Set<UniqueID> = []
        for n in 0..<10_000 {
            let four = UniqueID.v4(using: &random)
            let seven = UniqueID.v7(tick: UInt64(n) << 12, using: &random)
            #expect(four.version == 4 && four.low >> 62 == 0b10)
            #expect(seven.version == 7 && seven.low >> 62 == 0b10)
            #expect(seven.high >> 16 == UInt64(n))
            seen.formUnion([four, seven])
        }
        #expect(seen.count == 20_000)
    }

    @Test("ids made one after the other sort in that order, as text and as bytes, also within one millisecond and over a carry")
    func sorts() {
        var random = Xoshiro256(seed: 4)
        var ticks = TickSequence()
        let ids = (0..<10_000).map { n in
            UniqueID.v7(tick: ticks.take(at: Timestamp(milliseconds: 1_767_225_600_000 + Int64(n / 6000))), using: &random)
        }
        #expect(ids.map(\.description) == ids.map(\.description).sorted())
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0.bytes.lexicographicallyPrecedes($1.bytes) })
    }

    @Test("a clock that goes back a little does not take ids back; one that was far ahead is followed again")
    func clockGoesBack() {
        var ticks = TickSequence()
        let first = ticks.take(at: Timestamp(milliseconds: 100_000))
        #expect(ticks.take(at: Timestamp(milliseconds: 99_000)) == first + 1)
        #expect(ticks.take(at: Timestamp(milliseconds: 50_000)) == 50_000 << 12)
    }

    @Test("ticks reserved for one caller are nobody else's")
    func reserves() {
        let now = Timestamp(milliseconds: 7)
        var ticks = TickSequence()
        var own = ticks.reserve(3, at: now)
        let others = (0..<3).map { _ in ticks.take(at: now) }
        let mine = (0..<3).map { _ in own.take(at: now) }
        #expect(Set(others + mine).count == 6)
    }

    @Test("a time before 1970 or after the year 10889 still makes a version 7")
    func clamps() {
        var random = Xoshiro256(seed: 6)
        var ticks = TickSequence()
        #expect(UniqueID.v7(tick: ticks.take(at: Timestamp(milliseconds: -1)), using: &random).high >> 16 == 0)
        #expect(UniqueID.v7(tick: ticks.take(at: Timestamp(milliseconds: .max)), using: &random).version == 7)
    }

    @Test("text and bytes are read back as the same id")
    func roundTrips() {
        var random = Xoshiro256(seed: 8)
        for _ in 0..<1000 {
            let id = UniqueID.v4(using: &random)
            #expect(UniqueID(id.description) == id)
            #expect(id.bytes.withUnsafeBytes { UniqueID(bytes: $0) } == id)
        }
        #expect([UInt8](repeating: 0, count: 15).withUnsafeBytes { UniqueID(bytes: $0) } == nil)
    }

    @Test(
        "only the canonical lower-case form is a UUID; anything else stays the text that it is",
        arguments: [
            "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "017f22e279b07cc398c4dc0c0c07398f", "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2_79b0_7cc3_98c4_dc0c0c07398f",
        ])
    func refuses(text: String) {
        #expect(UniqueID(text) == nil)
        #expect(OperationID(text)?.description == text)
    }

    @Test("an operation's name is 1 to 128 printable ASCII characters")
    func names() {
        #expect(OperationID("") == nil && OperationID("a b") == nil && OperationID("é") == nil && OperationID("a\n") == nil)
        #expect(OperationID(String(repeating: "x", count: 128)) != nil)
        #expect(OperationID(String(repeating: "x", count: 129)) == nil)
    }
}
