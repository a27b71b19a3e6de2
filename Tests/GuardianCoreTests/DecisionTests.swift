import GuardianCore
import Testing

@Suite struct DecisionTests {
    @Test("backoff grows as base · 2^(n−1), within half and one and a half, and never over the maximum", arguments: 1...60)
    func backoff(n: Int) {
        let policy = RetryPolicy.standard
        let middle = 1000.0 * Double(UInt64(1) << UInt64(min(n - 1, 40)))
        #expect(policy.delayMs(failure: n, unit: 0) == Int64(min(30_000, middle * 0.5)))
        #expect(policy.delayMs(failure: n, unit: 0.999) <= Int64(min(30_000, middle * 1.5)))
    }

    @Test("many that fail at the same moment come back spread, also when each waits the maximum", arguments: 1...3)
    func spread(seed: Int) {
        var random = Xoshiro256(seed: UInt64(seed))
        let policy = RetryPolicy.standard
        var perSecond: [Int64: Int] = [:]
        for _ in 0..<2000 {
            let at = (1...12).reduce(Int64(0)) { $0 + policy.delayMs(failure: $1, unit: random.unit()) }
            perSecond[at / 1000, default: 0] += 1
        }
        let most = perSecond.values.max() ?? 0
        print("measured: of 2000 that failed together, \(most) at most ask in the same second after 12 failures")
        #expect(most < 2000 / 10)
    }

    @Test("ten failures in a row open the breaker; one probe closes it, late answers do nothing")
    func breaker() {
        var breaker = CircuitBreaker(policy: .init())
        for n in 1...9 {
            let change = breaker.record(failed: true, generation: 0, now: Int64(n), unit: 0.5)
            #expect(change == nil)
        }
        let step1 = breaker.record(failed: true, generation: 0, now: 10, unit: 0.5)
        #expect(step1 == .opened(until: 60_010))
        #expect(breaker.allowance(inFlight: 0) == 0)
        let step2 = breaker.record(failed: false, generation: 0, now: 11, unit: 0.5)
        #expect(step2 == nil)
        let step3 = breaker.advance(now: 60_009)
        #expect(!step3)
        let step4 = breaker.advance(now: 60_010)
        #expect(step4)
        #expect(breaker.allowance(inFlight: 0) == 1)
        let step5 = breaker.sent()
        #expect(step5)
        #expect(breaker.allowance(inFlight: 0) == 0)
        let step6 = breaker.record(failed: false, generation: breaker.generation, now: 60_020, unit: 0.5)
        #expect(step6 == .closed)
        #expect(breaker.allowance(inFlight: 100) == nil)
    }

    @Test("a breaker that is told nonsense opens at the first failure, or hardly ever", arguments: [Int.min, -1, 0, 1, 1000, .max])
    func breakerBounds(failures: Int) {
        var breaker = CircuitBreaker(policy: .init(failures: failures, windowMs: .min, coolDownMs: .max))
        let good = breaker.record(failed: false, generation: 0, now: 0, unit: 0.5)
        let bad = breaker.record(failed: true, generation: 0, now: 1, unit: 0.999)
        #expect(good == nil && (bad != nil) == (failures <= 1))
        let saved = CircuitBreaker(policy: breaker.policy, openForMs: .max, now: 1)
        #expect(saved.allowance(inFlight: 0) == 0)
    }

    @Test("a backoff is a length of time, whatever it is made of")
    func backoffBounds() {
        for (base, most) in [(.max, .max), (.min, .max), (.max, .min), (0, 0), (1, .max)] as [(Int64, Int64)] {
            for n in [Int.min, 1, 60, .max] {
                let delayMs = RetryPolicy(baseMs: base, maxMs: most).delayMs(failure: n, unit: 0.999)
                #expect(delayMs <= max(most, 0), "\(base) \(most) \(n)")
            }
        }
    }

    @Test("five per cent of failures at any rate do not open the breaker")
    func breakerTolerates() {
        var breaker = CircuitBreaker(policy: .init())
        for n in 0..<100_000 {
            let change = breaker.record(failed: n % 20 == 0, generation: 0, now: Int64(n / 100), unit: 0)
            #expect(change == nil)
        }
    }

    /// Spec section 4, row by row.
    @Test(
        "an answer means what the table says",
        arguments: [
            (200, "update", nil), (204, "delete", nil), (404, "delete", nil), (410, "delete", nil), (404, "update", .permanent),
            (400, "update", .permanent), (403, "update", .permanent), (413, "create", .permanent), (422, "create", .permanent),
            (501, "create", .permanent), (505, "create", .permanent), (426, "update", .upgrade), (401, "update", .auth),
            (408, "update", .transient), (425, "update", .transient), (429, "update", .transient), (500, "update", .transient),
            (503, "update", .transient), (599, "update", .transient), (409, "create", .conflict), (412, "update", .conflict),
            (302, "update", .permanent), (418, "update", .permanent),
        ] as [(Int, String, AnswerClass?)])
    func table(status: Int, type: String, expected: AnswerClass?) {
        #expect(AnswerTable.classify(status: status, operationType: type) == expected)
    }

    private func decide(
        _ outcome: Outcome, others: Bool, attempts: Int = 0, tries: Int = 0, probe: Bool = false, fresh: Bool = false, tls: Int = 0
    ) throws -> OutcomeDecider.Decision {
        var random = Xoshiro256(seed: 1)
        var operation = try Admission().admit(
            NewOperation("update", entityType: "room", entityID: "1", payload: "{}"), at: Timestamp(milliseconds: 0), random: &random)
        operation.attemptCount = attempts
        operation.tries = tries
        return OutcomeDecider(policy: .standard).decide(
            outcome, .init(operation: operation, othersSucceed: others, isProbe: probe, tokenIsFresh: fresh, tlsFailures: tls),
            random: &random)
    }

    @Test("an operation is given up on only when it fails while others succeed")
    func exhausts() throws {
        let storm = Outcome.refused(.transient, Answer(status: 500))
        if case .retry(_, _, let charged, _) = try decide(storm, others: false, attempts: 4) {
            #expect(!charged)
        } else {
            Issue.record("gave up")
        }
        if case .retry(_, _, let charged, _) = try decide(storm, others: true, attempts: 3) {
            #expect(charged)
        } else {
            Issue.record("gave up")
        }
        if case .failed(let error, nil) = try decide(storm, others: true, attempts: 4) {
            #expect(error.class == .exhausted)
        } else {
            Issue.record("went on")
        }
        if case .retry(_, _, let charged, _) = try decide(storm, others: true, attempts: 4, probe: true) {
            #expect(!charged)
        } else {
            Issue.record("gave up")
        }
        if case .retry(_, _, let charged, _) = try decide(.unanswered(.refused, detail: ""), others: true, attempts: 4) {
            #expect(!charged)
        } else {
            Issue.record("gave up")
        }
    }

    @Test("401 refreshes once, then pauses; TLS failures are retried twice, then pause; nothing fails")
    func pauses() throws {
        #expect(try decide(.refused(.auth, Answer(status: 401)), others: true) == .refreshToken)
        #expect(try decide(.refused(.auth, Answer(status: 401)), others: true, fresh: true) == .pause(.auth))
        #expect(try decide(.refused(.upgrade, Answer(status: 426)), others: true) == .pause(.upgrade))
        #expect(try decide(.unanswered(.tls, detail: ""), others: true, tls: 3) == .pause(.tls))
    }

    @Test("Retry-After holds the whole origin, within a day and five seconds of jitter")
    func holds() throws {
        let answer = Answer(status: 503, retryAfterMs: 7_000_000_000)
        guard case .retry(_, _, false, let hold?) = try decide(.refused(.transient, answer), others: false, attempts: 4) else {
            Issue.record("no hold")
            return
        }
        #expect((86_400_000...86_405_000).contains(hold))
    }

    @Test("one that asks everybody to wait while others get through uses attempts up like any other; a 429 does not")
    func chargesForHolds() throws {
        let busy = Outcome.refused(.transient, Answer(status: 503, retryAfterMs: 1000))
        guard case .retry(_, _, true, .some) = try decide(busy, others: true, attempts: 3) else {
            Issue.record("not charged")
            return
        }
        guard case .failed(let error, let holdMs?) = try decide(busy, others: true, attempts: 4) else {
            Issue.record("went on, or asks nobody to wait")
            return
        }
        #expect(error.class == .exhausted && error.httpStatus == 503)
        #expect((1000...6000).contains(holdMs))
        guard case .retry(_, _, false, .some) = try decide(busy, others: true, attempts: 4, probe: true),
            case .retry(_, _, false, .some) = try decide(.refused(.transient, Answer(status: 429)), others: true, attempts: 4)
        else {
            Issue.record("gave up")
            return
        }
    }

    @Test("asked to wait again, it lets go first what has not failed yet: it comes a backoff after the wait's end; after a 429 at once")
    func yields() throws {
        for (status, tries, backoffMs) in [(503, 0, 0...0), (503, 2, 2000...6000), (429, 2, 0...0)] as [(Int, Int, ClosedRange<Int64>)] {
            let answer = Answer(status: status, retryAfterMs: 60_000)
            guard case .retry(let delayMs, _, _, let holdMs?) = try decide(.refused(.transient, answer), others: false, tries: tries) else {
                Issue.record("no hold")
                return
            }
            #expect((60_000...65_000).contains(holdMs))
            #expect(backoffMs.contains(delayMs - holdMs), "\(status) after \(tries)")
        }
    }

    @Test("what a route says of a status stands, be it a 429 or one with Retry-After")
    func overridden() throws {
        for status in [429, 503] {
            var answer = Answer(status: status, retryAfterMs: 60_000)
            answer.isOverridden = true
            guard case .failed(let error, nil) = try decide(.refused(.permanent, answer), others: true) else {
                Issue.record("went on")
                return
            }
            #expect(error.class == .permanent && error.httpStatus == status)
        }
    }
}
