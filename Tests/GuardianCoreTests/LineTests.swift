import GuardianCore
import Testing

/// Lines are stored: a change of the hash would put the same key into another line than before.
@Suite struct LineTests {
    /// FNV-1a with 64 bits, then MurmurHash3's `fmix64`, as signed numbers; computed apart from the code.
    @Test(
        "a key's line is the same in every build",
        arguments: [
            ("", -1_166_397_803_181_037_274), ("a", -9_033_471_704_281_723_301), ("room/1", -6_621_476_191_681_184_190),
            ("heart_rate/7b5c", 5_341_391_378_268_358_693), ("room/Küche", -3_929_086_070_086_358_091),
        ] as [(String, Int64)])
    func isStable(key: String, line: Int64) {
        #expect(Line.of(key) == line)
        #expect(Ordering.entity.line(for: key) == line)
    }

    @Test("two spellings of one accented letter are two entities, as they are two lines")
    func spellings() {
        let (one, other) = (EntityKey(type: "room", id: "caf\u{e9}"), EntityKey(type: "room", id: "cafe\u{301}"))
        #expect(one != other && Line.of(one) != Line.of(other))
        #expect(Set([one, other, one]).count == 2)
        #expect(Reference(to: one, field: "x") != Reference(to: other, field: "x"))
        #expect(Reference(to: one, field: "\u{e9}") != Reference(to: one, field: "e\u{301}"))
        #expect(Set([Reference(to: one), Reference(to: other), Reference(to: one)]).count == 2)
    }

    @Test("a million keys share no line")
    func spreads() {
        var seen: Set<Int64> = []
        for n in 0..<1_000_000 { seen.insert(Line.of("room/\(n)")) }
        #expect(seen.count == 1_000_000)
    }

    @Test("ordering: strict has one line for every key")
    func strict() {
        #expect(Ordering.strict.line(for: "room/1") == Line.global)
        #expect(Ordering.strict.line(for: "room/2") == Line.global)
    }

    @Test("an entity's key is its type and id; one that was given is kept")
    func keys() {
        #expect(EntityKey(type: "room", id: "1").orderingKey == "room/1")
        var random = Xoshiro256(seed: 1)
        let operation = Operation(
            id: .text("a"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update",
            entity: EntityKey(type: "room", id: "1"), customOrderingKey: "house", payload: "{}", enqueuedAt: Timestamp(milliseconds: 0))
        #expect(operation.orderingKey == "house")
    }
}
