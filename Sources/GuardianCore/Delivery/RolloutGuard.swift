/// Watches the answers after a change (a new build, other routes) and says when too many are errors (spec section 10, rollout). Pure.
///
/// Answers are counted in windows of ``Policy/windowMs``. A window is *bad* when it has at least ``Policy/fewest`` answers and more than
/// ``Policy/errorShare`` of them are errors; one with fewer answers goes on until it has enough. ``Policy/windows`` bad ones in a row halt
/// delivery, once: a person who resumes it has seen the reason, and the count begins anew.
///
/// What counts is a success or an error, which is an answer that refuses (4xx that is permanent, 5xx). All else says nothing of the
/// change: attempts without an answer, conflicts, logins (401), upgrades (426), and what only asks to come again (408, 425, 429).
public struct RolloutGuard: Sendable, Equatable {
    /// When delivery is halted. Values are taken as they are: nothing is brought into a range. What would end after the last time that
    /// there is never ends.
    public struct Policy: Sendable, Equatable {
        /// Share of errors, 0…1, above which a window is bad; 0.05 by default.
        public var errorShare: Double
        /// Milliseconds of a window; 1 min by default.
        public var windowMs: Int64
        /// Bad windows in a row that halt delivery; 3 by default.
        public var windows: Int
        /// Answers without which a window says nothing; 20 by default.
        public var fewest: Int
        /// Milliseconds after the change during which answers are watched; 24 h by default.
        public var watchMs: Int64

        /// The defaults, but for what is given.
        public init(
            errorShare: Double = 0.05, windowMs: Int64 = 60_000, windows: Int = 3, fewest: Int = 20, watchMs: Int64 = 86_400_000
        ) {
            self.errorShare = errorShare
            self.windowMs = windowMs
            self.windows = windows
            self.fewest = fewest
            self.watchMs = watchMs
        }
    }

    /// What was seen when delivery is halted: errors, of so many answers, over the bad windows.
    package struct Finding: Sendable, Equatable {
        package var errors: Int
        package var answers: Int

        package init(errors: Int, answers: Int) {
            self.errors = errors
            self.answers = answers
        }
    }

    /// What it was made with.
    public let policy: Policy
    /// When the change was made.
    public let changedAt: Timestamp
    private var windowEnds: Int64?
    private var current = Finding(errors: 0, answers: 0)
    private var bad = Finding(errors: 0, answers: 0)
    private var badWindows = 0
    package private(set) var hasHalted = false

    /// Watches from `changedAt` on for ``Policy/watchMs``; nothing is counted yet.
    public init(policy: Policy = Policy(), changedAt: Timestamp) {
        self.policy = policy
        self.changedAt = changedAt
    }

    /// Whether an outcome is an error; nil for one that says nothing of the change, and does not count.
    package static func isError(_ outcome: Outcome) -> Bool? {
        switch outcome {
        case .accepted: false
        case .refused(.permanent, _): true
        case .refused(.transient, let answer) where answer.status >= 500: true
        default: nil
        }
    }

    /// Whether answers are watched still.
    package func isWatching(_ now: Moment) -> Bool { now.wall < changedAt.adding(milliseconds: policy.watchMs) }

    /// An answer came. Returns what was found when delivery is to be halted.
    package mutating func heard(isError: Bool, now: Moment) -> Finding? {
        guard !hasHalted, isWatching(now) else { return nil }
        let ends = windowEnds ?? now.steady.addingSaturated(policy.windowMs)
        windowEnds = ends
        current.answers += 1
        if isError { current.errors += 1 }
        guard now.steady >= ends, current.answers >= policy.fewest else { return nil }
        return close()
    }

    private mutating func close() -> Finding? {
        defer {
            current = Finding(errors: 0, answers: 0)
            windowEnds = nil
        }
        guard Double(current.errors) > policy.errorShare * Double(current.answers) else {
            badWindows = 0
            bad = Finding(errors: 0, answers: 0)
            return nil
        }
        badWindows += 1
        bad.errors += current.errors
        bad.answers += current.answers
        guard badWindows >= policy.windows else { return nil }
        hasHalted = true
        return bad
    }

    /// A person lets delivery go on.
    package mutating func rearm() { self = RolloutGuard(policy: policy, changedAt: changedAt) }
}
