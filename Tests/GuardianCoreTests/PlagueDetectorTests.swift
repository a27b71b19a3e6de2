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
}

extension PlagueDetector.Verdict {
    fileprivate var isPlague: Bool { if case .plague = self { true } else { false } }
}
