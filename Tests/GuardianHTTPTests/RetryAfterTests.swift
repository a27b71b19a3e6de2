import Foundation
import GuardianCore
import GuardianHTTP
import Testing

@Suite struct RetryAfterTests {
    private func retryAfter(_ value: String, status: Int = 503) async throws -> Int64? {
        let outcome = try await outcome(of: .answer(status, "", fields: "Retry-After: \(value)"))
        return try #require(outcome.answer).retryAfterMs
    }

    @Test("seconds are taken as they are, 24 h of them at most", arguments: [429, 503, 403, 409])
    func seconds(status: Int) async throws {
        let known: [(String, Int64)] = [
            ("0", 0), ("7", 7000), ("007", 7000), (" 7 ", 7000), ("86400", 86_400_000), ("86401", 86_400_000),
            ("99999999999999999999999999", 86_400_000),
        ]
        for (value, expected) in known { #expect(try await retryAfter(value, status: status) == expected, "\(value)") }
    }

    @Test(
        "a date is taken in all three forms",
        arguments: ["EEE, dd MMM yyyy HH:mm:ss 'GMT'", "EEEE, dd-MMM-yy HH:mm:ss 'GMT'", "EEE MMM d HH:mm:ss yyyy"])
    func dates(form: String) async throws {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = form
        let wait = try #require(try await retryAfter(formatter.string(from: Date(timeIntervalSinceNow: 3600))))
        #expect(wait > 3_400_000 && wait <= 3_600_000)
    }

    @Test(
        "a date is taken, 24 h ahead at most",
        arguments: ["Fri, 31 Dec 9999 23:59:59 GMT", "Tuesday, 31-Dec-69 23:59:59 GMT", "Fri Dec 31 23:59:59 9999"])
    func farDates(value: String) async throws {
        for status in [429, 503] { #expect(try await retryAfter(value, status: status) == 86_400_000) }
    }

    @Test(
        "what makes no sense is ignored",
        arguments: [
            "", "soon", "-5", "1.5", "+5", "7s", "7, 8", "0x10", "٧", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994", "Sun, 31 Feb 2099 08:49:37 GMT", "Sun, 06 Nov 2099 25:49:37 GMT", "Sun, 06 Foo 2099 08:49:37 GMT",
            "Sun, 06 Nov 2099 08:49:37 PST", "2099-11-06T08:49:37Z",
        ])
    func garbage(value: String) async throws {
        for status in [429, 503] { #expect(try await retryAfter(value, status: status) == nil) }
    }

    @Test(
        "the origin waits no longer than 24 h and the jitter, in whichever form it is asked",
        arguments: ["9999999999", "Fri, 06 Nov 2099 08:49:37 GMT"])
    func holdsADayAtMost(value: String) async throws {
        let outcome = try await outcome(of: .answer(429, "", fields: "Retry-After: \(value)"))
        var random = Xoshiro256(seed: 1)
        let situation = OutcomeDecider.Situation(operation: try claimed().operation, othersSucceed: true)
        guard case .retry(_, _, let charged, let holdMs) = OutcomeDecider(policy: .standard).decide(outcome, situation, random: &random)
        else {
            Issue.record("not retried")
            return
        }
        #expect(!charged)
        #expect((86_400_000...86_405_000).contains(try #require(holdMs)))
    }
}
