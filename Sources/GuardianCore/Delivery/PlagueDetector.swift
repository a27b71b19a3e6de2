/// Tells a broken server from a broken write (spec section 3.11).
///
/// **The question.** A permanent answer (403, 404, 405, 413, 422 …) may say that this write is wrong, and then it must fail at once; or
/// that the server is (a gateway that forbids everything, a deploy without a route), and then nothing may fail. One answer can't tell.
/// What tells is whether *others* get through.
///
/// **The rule.** Judgement on a permanent answer waits until one of these is known:
/// 1. *Poison*: an attempt that began after the answer came has succeeded. The server works; the write is wrong and fails at once. When
///    several ordering keys waited for judgement together, it may have been a short plague: each is asked once more before it fails.
/// 2. *Plague*: ``keys`` different ordering keys have got the same permanent status one after the other, and nothing succeeded in
///    between. Delivery is held; all that wait for judgement go back unharmed.
/// 3. *Nothing more to learn*: no other operation is on the wire or can be sent, or ``patienceMs`` have passed. With at least
///    ``fewestKeys`` ordering keys refused since the last success it is taken for a plague, with fewer for poison.
///
/// One that was asked once more, after a success or a hold, and is refused again, is no witness against the server a second time: it is
/// poison as soon as anything else succeeds, or nothing more is to be learnt.
///
/// A line of which a write was proven wrong, by rule 1, is an *offender*: it is no witness against the server when it gets that status
/// again, until a write of it succeeds. Else a room that nobody may write to, with many writes waiting, would hold delivery as soon as
/// nothing else waits.
///
/// A hold on the word of fewer than ``keys`` ordering keys ends after ``longestWeakHoldMs``: a queue of nothing but bad writes must not
/// stand still for ever. Until the next success the answers are then taken for what they say.
///
/// While held, one probe at a time asks again, first after ``firstProbeMs``, then after twice as long each time up to ``longestProbeMs``.
/// A success ends the hold; what comes back late from before it says nothing. A probe that gets the same answer is one more witness: once
/// ``keys`` ordering keys have spoken, the hold ends by a success only. Processors that share a store hold together: what one tells the
/// others follow, save that a hold on evidence of its own ends by a probe of its own, which then goes at once.
///
/// Of a hold that was only told, by what was saved or by another processor, it is not known how many ordering keys stand behind it. It is
/// a weak one, and when its time is over nothing is taken for what it says: judgement begins anew, with the witnesses of its probes.
///
/// **Why these numbers.**
/// - ``keys`` = 8. With a share *p* of bad writes the chance that a run of 8 begins at a given answer is p⁸: at 20 % it is 2.6 · 10⁻⁶, or
///   one false hold in 400 000 operations, and a false hold costs a probe, not a write. A true plague is known after 8 answers: with
///   4 workers that is two round trips.
/// - Only answers of one status count together: a broken gateway says one thing, bad writes are wrong in several ways.
/// - ``fewestKeys`` = 3. Two bad writes side by side are common; three ordering keys with nothing else to send are a small queue in front
///   of a broken server more often than three bad writes.
/// - ``patienceMs`` = 5 s: longer than most answers take, short enough that a lone bad write beside one slow upload is told the same
///   minute.
/// - ``longestWeakHoldMs`` = 1 h: longer than a bad deploy lasts where somebody is on call, and a hold is told as it begins.
/// - Probes from 1 s to 30 s: a false hold ends after a second, and an hour of plague costs 120 requests.
package struct PlagueDetector: Sendable, Equatable {
    package static let keys = 8
    package static let fewestKeys = 3
    package static let patienceMs: Int64 = 5000
    package static let longestWeakHoldMs: Int64 = 3_600_000
    package static let firstProbeMs: Int64 = 1000
    /// Operations remembered as asked once more, and offenders, at most.
    static let mostRemembered = 10_000
    package static let longestProbeMs: Int64 = 30_000

    /// What to do about operations, named by their `seq`.
    package enum Verdict: Sendable, Equatable {
        /// They are wrong, and fail with the answer they got.
        case poison([Int64])
        /// The server works now, and may not have then: they are asked once more.
        case askAgain([Int64])
        /// The server is wrong: they go back, nothing used up. Delivery is held from now on.
        case plague([Int64], status: Int)
    }

    package enum State: Sendable, Equatable {
        case clear
        /// Since `since`, because of `status`; the next probe may go at `probeAt`, unless one is on the wire.
        case held(since: Int64, status: Int, probeAt: Int64, waitMs: Int64, isProbing: Bool)
    }

    private struct Suspect: Sendable, Equatable {
        var seq: Int64
        var line: Int64
        var status: Int
        /// How many attempts had begun when the answer came.
        var begun: Int64
        var at: Int64
    }

    package private(set) var state = State.clear
    /// Those that wait for judgement, in the order of their answers.
    private var suspects: [Suspect] = []
    /// When a hold on little evidence ends; nil when the evidence is good.
    private var weakUntil: Int64?
    /// The ordering keys that speak for a weak hold: those that brought it about, and those of its probes.
    private var weakWitnesses: Set<Int64> = []
    /// Whether it holds on evidence of its own, and not on what was saved or another processor has told.
    private var holdsByItself = false
    /// The status that is taken for what it says until something succeeds: a weak hold has not ended by itself.
    private var believed: Int?
    /// Ordering keys, by status, whose operations were failed since the last success, or were probes of a hold that was told: they are
    /// witnesses still.
    private var convicted: [Int: Set<Int64>] = [:]
    /// Lines of which a write was proven wrong, and the status it got.
    private var offenders: [Int64: Int] = [:]
    /// Those that have been asked once more.
    private var askedAgain: Set<Int64> = []

    package init() {}

    package var isHeld: Bool { state != .clear }
    /// Whether it holds on evidence of its own.
    package var isOwn: Bool { isHeld && holdsByItself }
    package var isJudging: Bool { !suspects.isEmpty }

    /// Steady time at which ``advance(now:isIdle:)`` or a probe is due; nil when nothing is.
    package var deadline: Int64? {
        if case .held(_, _, let probeAt, _, let isProbing) = state, !isProbing { return probeAt }
        return suspects.first.map { $0.at + Self.patienceMs }
    }

    /// An operation got a permanent answer, when `begun` attempts had begun altogether.
    package mutating func refused(seq: Int64, line: Int64, status: Int, begun: Int64, now: Int64) -> Verdict? {
        guard !isHeld else { return .plague([seq], status: status) }
        guard status != believed else { return .poison([seq]) }
        suspects.append(Suspect(seq: seq, line: line, status: status, begun: begun, at: now))
        return witnesses(against: status).count >= Self.keys ? hold(status, now, isWeak: false) : nil
    }

    /// Ordering keys that speak against the server.
    private func witnesses(against status: Int) -> Set<Int64> {
        let fresh = suspects.filter { $0.status == status && !askedAgain.contains($0.seq) }.map(\.line)
        return convicted[status, default: []].union(fresh).filter { offenders[$0] != status }
    }

    /// An attempt of an operation of `line` has succeeded: whoever was refused before it began was refused by a server that works.
    package mutating func succeeded(seq: Int64, line: Int64, attempt: Int64) -> Verdict? {
        believed = nil
        convicted = [:]
        askedAgain.remove(seq)
        offenders[line] = nil
        guard !isHeld, !suspects.isEmpty else { return nil }
        let judged = suspects.filter { $0.begun < attempt }
        guard !judged.isEmpty else { return nil }
        let isLone = Set(suspects.map(\.line)).count == 1
        if !isLone, let again = firstTime(judged) { return .askAgain(again) }
        let poisoned = judged.filter { isLone || askedAgain.contains($0.seq) }
        if offenders.count > Self.mostRemembered { offenders = [:] }
        for suspect in poisoned { offenders[suspect.line] = suspect.status }
        return fail(poisoned.map(\.seq))
    }

    /// Those that have not been asked again yet, when there are any; they are from now on.
    private mutating func firstTime(_ judged: [Suspect]) -> [Int64]? {
        let fresh = judged.map(\.seq).filter { !askedAgain.contains($0) }
        guard !fresh.isEmpty else { return nil }
        askedAgain.formUnion(fresh)
        suspects.removeAll { fresh.contains($0.seq) }
        return fresh
    }

    private mutating func fail(_ seqs: [Int64]) -> Verdict {
        for suspect in suspects where seqs.contains(suspect.seq) { convicted[suspect.status, default: []].insert(suspect.line) }
        suspects.removeAll { seqs.contains($0.seq) }
        askedAgain.subtract(seqs)
        return .poison(seqs)
    }

    /// Time has passed. `isIdle` says that nothing else is on the wire, and that nothing else can be sent.
    package mutating func advance(now: Int64, isIdle: Bool) -> Verdict? {
        guard !isHeld, let first = suspects.first, isIdle || now >= first.at + Self.patienceMs else { return nil }
        let same = suspects.filter { $0.status == first.status }
        let again = same.filter { askedAgain.contains($0.seq) }
        if !again.isEmpty { return fail(again.map(\.seq)) }
        if witnesses(against: first.status).count >= Self.fewestKeys { return hold(first.status, now, isWeak: true) }
        return fail(same.map(\.seq))
    }

    /// All that is known of answers is void; a hold stays.
    package mutating func forgetAll() {
        suspects = []
        convicted = [:]
        offenders = [:]
        askedAgain = []
        weakWitnesses = []
    }

    private mutating func hold(_ status: Int, _ now: Int64, isWeak: Bool) -> Verdict {
        weakUntil = isWeak ? now + Self.longestWeakHoldMs : nil
        weakWitnesses = isWeak ? witnesses(against: status) : []
        holdsByItself = true
        let all = suspects.map(\.seq)
        suspects = []
        convicted = [:]
        if askedAgain.count > Self.mostRemembered { askedAgain = [] }
        askedAgain.formUnion(all)
        state = .held(since: now, status: status, probeAt: now + Self.firstProbeMs, waitMs: Self.firstProbeMs, isProbing: false)
        return .plague(all, status: status)
    }

    // MARK: The probe

    /// As it was saved: held, and asking at once. How good the evidence was is not known, so the hold is taken for a weak one.
    package mutating func resume(status: Int, now: Int64) {
        weakUntil = now + Self.longestWeakHoldMs
        weakWitnesses = []
        holdsByItself = false
        state = .held(since: now, status: status, probeAt: now, waitMs: Self.firstProbeMs, isProbing: false)
    }

    /// Another processor holds delivery: so it is held here too, and those that wait for judgement go back unharmed.
    package mutating func join(status: Int, now: Int64) -> Verdict? {
        let all = suspects.map(\.seq)
        suspects = []
        resume(status: status, now: now)
        return all.isEmpty ? nil : .plague(all, status: status)
    }

    /// The hold of another processor has ended. One that began here only at `heldBefore` or later is not meant, and a probe of our own that
    /// is out decides for itself. One on evidence of its own asks at once, and ends by that. Returns whether a hold has ended.
    package mutating func followReleased(heldBefore: Int64, now: Int64) -> Bool {
        guard case .held(let since, let status, let probeAt, let waitMs, false) = state, since < heldBefore else { return false }
        guard !holdsByItself else {
            state = .held(since: since, status: status, probeAt: min(probeAt, now), waitMs: waitMs, isProbing: false)
            return false
        }
        state = .clear
        return true
    }

    /// Whether the probe may go now.
    package func mayProbe(now: Int64) -> Bool {
        guard case .held(_, _, let probeAt, _, let isProbing) = state else { return false }
        return !isProbing && now >= probeAt
    }

    /// An attempt goes out. Returns whether it is the probe.
    package mutating func sent() -> Bool {
        guard case .held(let since, let status, let probeAt, let waitMs, _) = state else { return false }
        state = .held(since: since, status: status, probeAt: probeAt, waitMs: waitMs, isProbing: true)
        return true
    }

    /// The probe, of an operation of `line`, has got a permanent answer. To be told before ``probeEnded(success:now:unit:)``.
    package mutating func probeRefused(line: Int64, status: Int) {
        guard case .held(_, let heldFor, _, _, _) = state, heldFor == status, weakUntil != nil, offenders[line] != status else { return }
        weakWitnesses.insert(line)
        guard weakWitnesses.count >= Self.keys else { return }
        weakUntil = nil
        weakWitnesses = []
    }

    /// The probe was a look, or got no further than to us: it says nothing of writes. The next one goes after as long as it had waited.
    package mutating func probeVoid(now: Int64) {
        guard case .held(let since, let status, _, let waitMs, true) = state else { return }
        state = .held(since: since, status: status, probeAt: now + waitMs, waitMs: waitMs, isProbing: false)
    }

    /// The probe came back. A success ends the hold, and so does the last one of a weak hold; returns whether it did. `unit`, 0 ..< 1,
    /// spreads the next one by a fifth.
    package mutating func probeEnded(success: Bool, now: Int64, unit: Double) -> Bool {
        guard case .held(let since, let status, _, let waitMs, true) = state else { return false }
        if success {
            state = .clear
            return true
        }
        if let weakUntil, now >= weakUntil {
            if holdsByItself { believed = status } else { convicted[status] = weakWitnesses }
            state = .clear
            return true
        }
        let next = min(waitMs * 2, Self.longestProbeMs)
        let jittered = Int64(Double(next) * (0.8 + 0.4 * unit))
        state = .held(since: since, status: status, probeAt: now + jittered, waitMs: next, isProbing: false)
        return false
    }
}
