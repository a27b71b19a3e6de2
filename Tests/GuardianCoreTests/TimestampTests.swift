import GuardianCore
import Testing

@Suite struct TimestampTests {
    @Test(
        "the examples of RFC 3339 section 5.8 are the instants that they name",
        arguments: [
            ("1985-04-12T23:20:50.52Z", 482_196_050_520), ("1996-12-19T16:39:57-08:00", 851_042_397_000),
            ("1990-12-31T23:59:60Z", 662_688_000_000), ("1990-12-31T15:59:60-08:00", 662_688_000_000),
            ("1937-01-01T12:00:27.87+00:20", -1_041_337_172_130),
        ] as [(String, Int64)])
    func examples(text: String, milliseconds: Int64) { #expect(Timestamp(rfc3339: text)?.milliseconds == milliseconds) }

    @Test(
        "every spelling of an instant is read as the same one",
        arguments: [
            "2026-01-31T09:05:00.25Z", "2026-01-31t09:05:00.250z", "2026-01-31 09:05:00.250000001+00:00", "2026-01-31T09:05:00.2509-00:00",
            "2026-01-31T14:50:00.250+05:45", "2026-01-30T23:05:00.250-10:00", "2026-02-01T09:04:00.250+23:59",
        ])
    func spellings(text: String) { #expect(Timestamp(rfc3339: text)?.rfc3339 == "2026-01-31T09:05:00.250Z") }

    @Test(
        "known instants are written in UTC with three decimals",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func known(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).rfc3339 == text)
        #expect(Timestamp(rfc3339: text)?.milliseconds == milliseconds)
    }

    @Test(
        "every other instant has a text for people too, down to the first and up to the last, and that is read as none",
        arguments: [
            (.min, "-292275055-05-16T16:47:04.192Z"), (.max, "292278994-08-17T07:12:55.807Z"),
            (-62_167_219_200_001, "-0001-12-31T23:59:59.999Z"), (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func unwritable(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test("seeded instants of ten thousand years survive their text, and text sorts as they do")
    func roundTrips() {
        var random = Xoshiro256(seed: 9)
        var times = (0..<20_000).map { _ in
            Timestamp(milliseconds: .random(in: -62_135_596_800_000...253_402_300_799_999, using: &random))
        }
        for time in times { #expect(Timestamp(rfc3339: time.rfc3339) == time) }
        times.sort()
        #expect(times.map(\.rfc3339) == times.map(\.rfc3339).sorted())
    }

    @Test(
        "what only looks like a time is none",
        arguments: [
            "2026-02-30T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-00-10T00:00:00Z", "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00Zx",
            " 2026-01-01T00:00:00Z", "+2026-01-01T00:00:00Z", "2026-1-1T00:00:00Z", "٢٠٢٦-01-01T00:00:00Z",
            "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "9999-12-31T23:59:60Z",
        ])
    func refuses(text: String) { #expect(Timestamp(rfc3339: text) == nil) }

    @Test("adding past the ends stays at the ends")
    func saturates() {
        #expect(Timestamp(milliseconds: .max - 1).adding(milliseconds: 5) == Timestamp(milliseconds: .max))
        #expect(Timestamp(milliseconds: .min + 1).adding(milliseconds: -5) == Timestamp(milliseconds: .min))
        #expect(Timestamp(milliseconds: 7).adding(milliseconds: -5) == Timestamp(milliseconds: 2))
    }
}
