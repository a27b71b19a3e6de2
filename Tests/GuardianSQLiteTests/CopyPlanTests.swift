import GuardianCore
import GuardianSQLite
import Testing

/// Who copies the write-ahead log when (docs/decisions/0045).
@Suite struct CopyPlanTests {
    /// A log as SQLite keeps it, a writer, and a copy beside it whose steps come between any two of the writer's.
    private struct World {
        private enum Copy {
            case none
            case chosen(round: Int)
            /// It has read how long the log is.
            case begun(round: Int, upTo: Int)
            /// It has noted what is copied, and the log may begin anew.
            case done(round: Int, copied: Int)
        }

        private var plan = CopyPlan(limit: 40, most: 100)
        private var random: Xoshiro256
        private var pages = 0
        private var copied = 0
        /// Up to where somebody reads, who keeps the log from beginning anew.
        private var reader: Int?
        private var copy = Copy.none

        /// Copies beside the writer that began on a log that was copied to its end.
        var dangers = 0
        /// Copies beside the writer that began while another was under way.
        var clashes = 0
        /// Copies beside the writer.
        var begun = 0
        /// How often the log began anew.
        var anew = 0

        init(seed: UInt64) { random = Xoshiro256(seed: seed) }

        mutating func step() {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<12: commit()
            case 12..<15: stepBeside()
            case 15: copyByWriter(empties: false)
            case 16: copyByWriter(empties: Int.random(in: 0..<5, using: &random) == 0)
            case 17: reader = nil
            case 18: reader = reader == nil ? pages : nil
            default: break
            }
        }

        private var readable: Int { min(pages, reader ?? .max) }

        private mutating func commit() {
            if pages > 0, copied == pages, reader == nil {
                (pages, copied) = (0, 0)
                anew += 1
            }
            pages += Int.random(in: 1...8, using: &random)
            // The copy beside the writer may get far until the writer looks.
            for _ in 0..<Int.random(in: 0...4, using: &random) { stepBeside() }
            switch plan.look(pages) {
            case .nobody: break
            case .writer: copyByWriter(empties: false)
            case .beside(let round):
                if case .none = copy {} else { clashes += 1 }
                copy = .chosen(round: round)
            }
        }

        private mutating func stepBeside() {
            switch copy {
            case .none: break
            case .chosen(let round):
                if pages > 0, copied == pages { dangers += 1 }
                begun += 1
                copy = .begun(round: round, upTo: pages)
            case .begun(let round, let end):
                copied = max(copied, min(end, readable))
                copy = .done(round: round, copied: copied)
            case .done(let round, let done):
                plan.end(round: round, copied: done)
                copy = .none
            }
        }

        private mutating func copyByWriter(empties: Bool) {
            guard let round = plan.begin() else { return }
            copied = max(copied, readable)
            if !empties {
                plan.end(round: round, copied: copied)
            } else if reader == nil {
                (pages, copied) = (0, 0)
                plan.end(round: round, copied: 0)
            } else {
                plan.fail(round: round, pages: pages)
            }
        }
    }

    @Test("whatever comes between, a copy beside the writer never begins on a log that is copied to its end", arguments: UInt64(0)..<100)
    func neverBeginsAtTheEnd(seed: UInt64) {
        var world = World(seed: seed)
        for _ in 0..<2000 { world.step() }
        #expect(world.dangers == 0 && world.clashes == 0, "seed \(seed)")
        #expect(world.begun > 0 && world.anew > 0, "seed \(seed)")
    }

    @Test("a copy beside the writer is waited for when the log grows too long meanwhile")
    func waitsForCopy() {
        var plan = CopyPlan(limit: 40, most: 100)
        let turns = [19, 20, 99, 100].map { plan.look($0) }
        #expect(turns == [.nobody, .beside(round: 0), .nobody, .writer])
    }

    @Test("readers that keep a log too long are waited for once, and again when it has grown by its limit")
    func waitsRarely() {
        var plan = CopyPlan(limit: 40, most: 100)
        func waits(_ pages: Int) -> Bool {
            _ = plan.look(pages)
            return plan.waitsForReaders
        }
        let early = waits(99)
        let first = waits(100)
        #expect(!early && first)
        plan.hasWaitedInVain()
        let soon = (101..<140).contains { waits($0) }
        let late = waits(140)
        #expect(!soon && late)
        plan.hasWaitedInVain()
        // It has begun anew.
        let short = waits(8)
        let again = waits(100)
        #expect(!short && again)
    }
}
