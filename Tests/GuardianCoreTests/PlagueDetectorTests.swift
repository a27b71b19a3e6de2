import GuardianCore
import Testing

/// The rules of spec section 3.11 by themselves; whole sweeps of worlds are in the simulator's tests.
@Suite struct PlagueDetectorTests {
    private static let forbidden = 403

    /// Three lines get 403 beside others that get through, are asked once more, and are refused again.
    private func proven(_ detector: inout PlagueDetector) {
        for line in Int64(1)...3 {
            #expect(detector.refused(seq: line, line: line, status: Self.forbidden, begun: 3, now: 0) == nil)
        }
        #expect(detector.succeeded(seq: 100, line: 100, attempt: 4) == .askAgain([1, 2, 3]))
        for line in Int64(1)...3 {
            #expect(detector.refused(seq: line, line: line, status: Self.forbidden, begun: 7, now: 1) == nil)
        }
        #expect(detector.succeeded(seq: 101, line: 101, attempt: 8) == .poison([1, 2, 3]))
    }

    @Test("a lone refused write is poison as soon as a later attempt succeeds, and not before")
    func lone() {
        var detector = PlagueDetector()
        #expect(detector.refused(seq: 1, line: 1, status: Self.forbidden, begun: 5, now: 0) == nil)
        #expect(detector.succeeded(seq: 2, line: 2, attempt: 5) == nil)
        #expect(detector.succeeded(seq: 3, line: 3, attempt: 6) == .poison([1]))
    }

    @Test("eight lines in a row hold delivery; a status of another kind does not count with them")
    func plague() {
        var detector = PlagueDetector()
        for line in Int64(1)...7 {
            #expect(detector.refused(seq: line, line: line, status: Self.forbidden, begun: line, now: 0) == nil)
        }
        #expect(detector.refused(seq: 20, line: 20, status: 422, begun: 8, now: 0) == nil)
        #expect(detector.refused(seq: 8, line: 8, status: Self.forbidden, begun: 9, now: 0)?.isPlague == true)
        #expect(detector.isHeld)
    }

    @Test("three lines with nothing else to send hold delivery, two do not")
    func fewest() {
        for (lines, isHeld) in [(2, false), (3, true)] {
            var detector = PlagueDetector()
            for line in 1...Int64(lines) { _ = detector.refused(seq: line, line: line, status: Self.forbidden, begun: line, now: 0) }
            _ = detector.advance(now: 1, isIdle: true)
            #expect(detector.isHeld == isHeld)
        }
    }

    @Test("lines whose writes were proven wrong hold nothing when only they are left: their next writes fail")
    func offenders() {
        var detector = PlagueDetector()
        proven(&detector)
        for line in Int64(1)...3 { _ = detector.refused(seq: 10 + line, line: line, status: Self.forbidden, begun: 9, now: 2) }
        #expect(detector.advance(now: 3, isIdle: true) == .poison([11, 12, 13]))
    }

    @Test("an offender that gets another status, or has written well since, is a witness like any other")
    func reformed() {
        var detector = PlagueDetector()
        proven(&detector)
        for line in Int64(1)...3 { _ = detector.refused(seq: 10 + line, line: line, status: 404, begun: 9, now: 2) }
        #expect(detector.advance(now: 3, isIdle: true)?.isPlague == true)

        detector = PlagueDetector()
        proven(&detector)
        for line in Int64(1)...3 { #expect(detector.succeeded(seq: 10 + line, line: line, attempt: 8 + line) == nil) }
        for line in Int64(1)...3 { _ = detector.refused(seq: 20 + line, line: line, status: Self.forbidden, begun: 12, now: 2) }
        #expect(detector.advance(now: 3, isIdle: true)?.isPlague == true)
    }

    // MARK: Long holds

    private static let hour: Int64 = 3_600_000

    /// A probe of `line` that is refused.
    private func probeInVain(_ detector: inout PlagueDetector, _ line: Int64, now: Int64, status: Int = 403) {
        let isProbe = detector.sent()
        #expect(isProbe)
        detector.probeRefused(line: line, status: status)
        _ = detector.probeEnded(success: false, now: now, unit: 0.5)
    }

    /// Whether a hold goes on after two hours in which probes of `lines` were refused.
    private func staysHeld(_ detector: inout PlagueDetector, lines: ClosedRange<Int64>, status: Int = 403) -> Bool {
        for line in lines { probeInVain(&detector, line, now: line * 30_000, status: status) }
        probeInVain(&detector, lines.lowerBound, now: 2 * Self.hour, status: status)
        return detector.isHeld
    }

    private func heldByThree() -> PlagueDetector {
        var detector = PlagueDetector()
        for line in Int64(1)...3 { _ = detector.refused(seq: line, line: line, status: Self.forbidden, begun: line, now: 0) }
        _ = detector.advance(now: 1, isIdle: true)
        return detector
    }

    @Test("a hold by three lines ends after an hour, and answers are taken for what they say; not so when probes of five more are refused")
    func weakHold() {
        var weak = heldByThree()
        let isHeld = staysHeld(&weak, lines: 1...3)
        #expect(!isHeld)
        let verdict = weak.refused(seq: 20, line: 20, status: Self.forbidden, begun: 9, now: 2 * Self.hour)
        #expect(verdict == .poison([20]))

        var strong = heldByThree()
        let isStillHeld = staysHeld(&strong, lines: 1...8)
        #expect(isStillHeld)
        let again = strong.refused(seq: 20, line: 20, status: Self.forbidden, begun: 9, now: 2 * Self.hour)
        #expect(again?.isPlague == true)
    }

    @Test("a hold that was only told goes on as long as the upstream refuses, once probes of eight lines have said so")
    func toldHold() {
        var detector = PlagueDetector()
        detector.resume(status: Self.forbidden, now: 0)
        let isHeld = staysHeld(&detector, lines: 1...8)
        #expect(isHeld)
    }

    @Test("a probe that gets another status, or is of a line whose writes are wrong, speaks for no hold")
    func noWitnesses() {
        var other = PlagueDetector()
        other.resume(status: Self.forbidden, now: 0)
        let isHeld = staysHeld(&other, lines: 1...8, status: 422)
        #expect(!isHeld)

        var offended = PlagueDetector()
        proven(&offended)
        offended.resume(status: Self.forbidden, now: 0)
        let isStillHeld = staysHeld(&offended, lines: 1...8)
        #expect(!isStillHeld)
    }

    @Test("when a hold that was only told by few ends, judgement begins anew with them: nothing is taken for poison unheard")
    func judgedAnew() {
        var detector = PlagueDetector()
        detector.resume(status: Self.forbidden, now: 0)
        let isHeld = staysHeld(&detector, lines: 1...2)
        #expect(!isHeld)
        let first = detector.refused(seq: 3, line: 3, status: Self.forbidden, begun: 9, now: 2 * Self.hour)
        #expect(first == nil)
        let verdict = detector.advance(now: 2 * Self.hour + 1, isIdle: true)
        #expect(verdict?.isPlague == true)
    }

    @Test("what goes out as a probe and says nothing of writes ends no hold, and the next goes after as long a wait")
    func voidProbe() {
        var detector = PlagueDetector()
        detector.resume(status: Self.forbidden, now: 0)
        let isProbe = detector.sent()
        #expect(isProbe)
        let now = 2 * Self.hour
        detector.probeVoid(now: now)
        #expect(detector.isHeld)
        #expect(!detector.mayProbe(now: now + PlagueDetector.firstProbeMs - 1))
        #expect(detector.mayProbe(now: now + PlagueDetector.firstProbeMs))
    }
}

extension PlagueDetector.Verdict {
    fileprivate var isPlague: Bool { if case .plague = self { true } else { false } }
}
