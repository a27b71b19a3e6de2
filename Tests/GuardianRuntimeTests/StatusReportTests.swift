import GuardianCore
import GuardianRuntime
import Testing

/// `guardian status`: what it says, and that it fits a small terminal whatever it says.
@Suite struct StatusReportTests {
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    private func report(_ change: (inout StatusReport) -> Void = { _ in }) -> StatusReport {
        let lock = LockState(
            fence: Fence(owner: "pump-1", epoch: 7), heartbeatAt: Self.now.adding(milliseconds: -2000), acquiredAt: Self.now)
        var report = StatusReport(
            situation: .init(now: Self.now, lock: lock), books: Books(), queue: .of(Census(), .init(now: Self.now, lock: lock)))
        change(&report)
        // As the store would count them.
        report.queue.detail = QueueExplanation.of(Census(), report.situation).detail
        return report
    }

    @Test("a calm queue: the state first, then the next step, the queue, the breaker and the lock")
    func calm() {
        var books = Books()
        books.accepted = 1203
        books.processed = 1200
        books.failed = 2
        let report = report {
            $0.books = books
            $0.queue = QueueExplanation(pending: 1, claimable: 1, reasons: [.failed: 2], detail: "")
            $0.oldest = Self.now.adding(milliseconds: -7_500_000)
            $0.alerts = (
                Self.now.adding(milliseconds: -1000),
                [Alert(name: "latency", severity: .medium, value: 120.4, threshold: 5000, condition: "", action: "")]
            )
        }
        #expect(
            report.lines() == [
                "state    delivering", "next     guardian list --status failed, then guardian retry ID or --all-failed",
                "queue    pending 1  processing 0  failed 2", "held up  claimable 1  failed 2",
                "oldest   waits since \(Self.now.adding(milliseconds: -7_500_000)) (2 h 5 min)", "breaker  closed  trips 0",
                "lock     pump-1  epoch 7  heartbeat 2 s ago", "success  99.8 % of all that was settled", "latency  p95 120.4 ms",
                "totals   processed 1200  accepted 1203",
            ])
    }

    @Test("with the largest numbers, every reason, every alert and the longest names it fits 24 rows of 80 columns")
    func fits() {
        for pause in [nil] + Pause.allCases.map(Optional.some) {
            for isHeld in [false, true] {
                let report = worst(pause, isHeld: isHeld)
                for width in [80, 60, 132] {
                    let lines = report.lines(width: width)
                    #expect(lines.count <= 23, "\(pause?.rawValue ?? "none") \(width): \(lines.count) lines")
                    for line in lines { #expect(line.count <= width, "\(line)") }
                    // What matters most is never pushed out.
                    for name in ["state ", "next ", "queue ", "held up ", "alert:", "breaker ", "lock ", "success ", "latency ", "totals "]
                    {
                        #expect(lines.contains { $0.hasPrefix(name) }, "\(name) at \(width)")
                    }
                    #expect(lines.contains { $0.contains("more: guardian metrics") })
                    #expect(lines[0].hasPrefix("state"))
                }
            }
        }
    }

    private func worst(_ pause: Pause?, isHeld: Bool) -> StatusReport {
        let most = Int64.max / 20
        return report {
            $0.books.accepted = .max
            $0.books.processed = most
            $0.books.failed = most
            $0.books.processing = most
            $0.queue = QueueExplanation(
                pending: .max, claimable: .max,
                reasons: Dictionary(uniqueKeysWithValues: Explanation.Reason.allCases.filter { $0 != .disk }.map { ($0, Int64.max) }),
                detail: "")
            $0.oldest = Timestamp(milliseconds: 0)
            $0.situation.room = DiskRoom(freeBytes: .max / 4, reservedBytes: .max / 4, firstWatermark: .max)
            var health = OriginHealth(openUntil: isHeld ? nil : Self.now.adding(milliseconds: 86_400_000), trips: .max)
            if isHeld {
                health.plagueSince = Timestamp(milliseconds: 0)
                health.plagueStatus = 503
            }
            $0.situation.control.health = health
            if let pause { $0.situation.control.pauses = [pause] }
            $0.situation.lock = LockState(
                fence: Fence(owner: String(repeating: "host.", count: 60), epoch: .max), heartbeatAt: Timestamp(milliseconds: 0),
                acquiredAt: Timestamp(milliseconds: 0))
            let alerts = (0..<9).map { index in
                Alert(
                    name: "alert_with_a_long_name_\(index)", severity: .critical, state: .firing, value: 1e14, threshold: 1e14,
                    since: Timestamp(milliseconds: 0), condition: String(repeating: "condition ", count: 20),
                    action: String(repeating: "action ", count: 20))
            }
            $0.alerts = (Self.now, alerts)
        }
    }

    @Test("what stands still comes with the step that ends it")
    func steps() {
        func step(_ change: (inout StatusReport) -> Void) -> String {
            let made = report(change)
            return "\(made.state.rawValue): \(made.nextStep)"
        }
        let ahead = Self.now.adding(milliseconds: 1)
        var waiting = Books()
        waiting.accepted = 5
        #expect(step { $0.situation.control.pauses = [.operator] } == "paused: guardian resume")
        #expect(
            step {
                $0.books = waiting
                $0.situation.lock = nil
            } == "not_delivered: guardian serve")
        #expect(step { $0.situation.lock = nil } == "idle: none")
        #expect(step { $0.situation.control.health = OriginHealth(openUntil: ahead) }.hasPrefix("breaker_open: guardian doctor"))
        #expect(step { $0.situation.control.health = OriginHealth(holdUntil: ahead) }.hasPrefix("held: none: it goes on by itself"))
        #expect(step { $0.books = waiting }.hasPrefix("waiting: none: it goes on by itself"))
        let firing = Alert(
            name: "latency", severity: .medium, state: .firing, value: 9000, threshold: 5000, condition: "p95 > 5000 ms",
            action: "performance investigation")
        #expect(step { $0.alerts = (Self.now, [firing]) } == "idle: performance investigation (latency)")
        // Nobody has looked since: it says nothing of now.
        let old = report { $0.alerts = (Self.now.adding(milliseconds: -300_000), [firing]) }
        #expect(old.nextStep == "none")
        #expect(old.p95Ms == nil)
        #expect(old.lines().contains { $0.contains("nobody has since") })
        // As if they lay ahead, after the clock was set back.
        #expect(report { $0.alerts = (Self.now.adding(milliseconds: 300_000), [firing]) }.nextStep == "none")
        let full = report { $0.situation.room = DiskRoom(freeBytes: 10) }
        #expect(full.lines().contains { $0.hasPrefix("why") } == false, "nothing waits for the disk")
    }

    @Test("a disk that new work is refused on is told, though what is stored is delivered")
    func tightDisk() {
        for (free, level) in [(Int64(40) << 20, "low"), (10, "full")] {
            let tight = report { $0.situation.room = DiskRoom(freeBytes: free, reservedBytes: 1 << 30) }
            #expect(tight.state == .idle)
            #expect(tight.nextStep == "make room where the store lives: new work is refused")
            #expect(tight.lines().filter { $0.hasPrefix("disk     \(level.uppercased()): ") }.count == 1, "\(tight.lines())")
            #expect(JSONValue.object(tight.json)["disk"]?["state"] == .string(level))
        }
        let roomy = report { $0.situation.room = DiskRoom(freeBytes: 1 << 30) }
        #expect(roomy.nextStep == "none" && !roomy.lines().contains { $0.hasPrefix("disk") })
    }
}
