#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Wall-clock time as the wire has it.
enum UTCTime {
    /// Now, in milliseconds since 1970.
    static func nowMilliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    /// RFC 3339 in UTC with three decimals: `2026-01-31T09:05:00.250Z`.
    static func rfc3339(milliseconds: Int64) -> String {
        let milliseconds = max(0, milliseconds)
        let inDay = milliseconds % 86_400_000
        let (year, month, day) = civil(days: milliseconds / 86_400_000)
        var text: [UInt8] = []
        text.reserveCapacity(24)
        func put(_ value: Int64, _ divisor: Int64, _ after: Character) {
            var divisor = divisor
            while divisor > 0 {
                text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
                divisor /= 10
            }
            text.append(after.asciiValue ?? 0)
        }
        put(year, 1000, "-")
        put(month, 10, "-")
        put(day, 10, "T")
        put(inDay / 3_600_000, 10, ":")
        put(inDay / 60_000 % 60, 10, ":")
        put(inDay / 1000 % 60, 10, ".")
        put(inDay % 1000, 100, "Z")
        return String(decoding: text, as: UTF8.self)
    }

    /// The civil date of a day counted from 1970-01-01, by Hinnant's algorithm.
    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
