import GuardianCore

/// Remembers what was promised and compares it with what happens.
struct Judge {
    enum Fate: Equatable {
        case waiting, processed, failed, cancelled, expired
    }

    struct Record {
        var operation: Operation
        var verdict: SimulatedUpstream.Verdict
        var seq: Int64?
        var line: Int64
        var isAcknowledged = false
        var fate = Fate.waiting
        /// Left its line once without an effect: a copy still in the network may apply it out of turn.
        var wasGivenUp = false
        var wasApplied = false
        var failedAnswers = 0
        /// How often a process is known to have died with it in hand.
        var crashes = 0
        /// How many successes of others there were when it was first sent.
        var successesAtFirstSend: Int?
    }

    private(set) var violations: [String] = []
    var records: [Record]
    private var indexOfSeq: [Int64: Int] = [:]
    private var lastEffect: [Int64: Int64] = [:]
    private var seqsOfLine: [Int64: [Int]] = [:]
    /// The claim in force of each line.
    private var claimed: [Int64: Int64] = [:]
    private(set) var successes = 0
    /// How many times an operation was put into `failed`.
    private(set) var failures = 0
    private(set) var wronglyFailed = 0
    var countsWrongFailures = false

    init(records: [Record]) { self.records = records }

    mutating func violated(_ what: String) { violations.append(what) }

    func record(of seq: Int64) -> Record? { indexOfSeq[seq].map { records[$0] } }

    mutating func stored(_ index: Int, _ receipt: Receipt) {
        if let seq = records[index].seq {
            if receipt.outcome != .duplicate || receipt.seq != seq { violated("the id of seq \(seq) was taken twice (\(receipt))") }
            return
        }
        if receipt.outcome != .accepted { violated("operation \(index) was new and got \(receipt.outcome)") }
        records[index].seq = receipt.seq
        indexOfSeq[receipt.seq] = index
        seqsOfLine[records[index].line, default: []].append(index)
    }

    mutating func sent(_ seq: Int64) {
        guard let index = indexOfSeq[seq] else { return violated("seq \(seq) was sent and never enqueued") }
        if records[index].successesAtFirstSend == nil { records[index].successesAtFirstSend = successes }
    }

    /// The effect of `seq` happens at the upstream for the first time.
    mutating func applied(_ seq: Int64) {
        guard let index = indexOfSeq[seq] else { return violated("an effect of the unknown seq \(seq)") }
        let record = records[index]
        if record.verdict == .killer { violated("the killer \(seq) was applied") }
        if record.wasGivenUp { return }
        if record.wasApplied { violated("seq \(seq) was applied twice") }
        records[index].wasApplied = true
        if let last = lastEffect[record.line], last > seq { violated("order: seq \(seq) was applied after \(last)") }
        lastEffect[record.line] = max(lastEffect[record.line] ?? 0, seq)
        // A head whose settling was not heard of may have been applied before; none that waits may have been passed.
        for other in seqsOfLine[record.line, default: []] {
            guard let earlier = records[other].seq, earlier < seq else { continue }
            if records[other].fate == .waiting, !records[other].wasGivenUp {
                violated("order: seq \(seq) was applied while \(earlier) still waited")
            }
        }
    }

    mutating func answered(_ seq: Int64, _ outcome: Outcome) {
        guard let index = indexOfSeq[seq] else { return }
        switch outcome {
        case .accepted: successes += 1
        case .refused, .unanswered: records[index].failedAnswers += 1
        case .unsendable, .interrupted: break
        }
    }

    mutating func claimed(_ claim: Claim, at wall: Timestamp) {
        guard let index = indexOfSeq[claim.seq] else { return violated("claimed the unknown seq \(claim.seq)") }
        let record = records[index]
        if let other = claimed[record.line] { violated("two claims in one line: \(claim.seq) beside \(other)") }
        if record.fate != .waiting { violated("claimed seq \(claim.seq), which is \(record.fate)") }
        // The wall clock may have been set back since its first attempt.
        if let notBefore = record.operation.notBefore, notBefore > wall, record.successesAtFirstSend == nil {
            violated("claimed seq \(claim.seq) before its time")
        }
        if claim.operation.idempotencyKey != record.operation.idempotencyKey || claim.operation.payload != record.operation.payload {
            violated("seq \(claim.seq) changed its key or payload")
        }
        if record.crashes > 0, !claimed.isEmpty { violated("the crash suspect \(claim.seq) was claimed beside others") }
        if claim.operation.crashes != record.crashes {
            violated("seq \(claim.seq) has \(claim.operation.crashes) crashes, not \(record.crashes)")
        }
        claimed[record.line] = claim.seq
    }

    /// A process has died, and it is known: what it had in hand is suspect.
    mutating func crashed() {
        for seq in claimed.values { if let index = indexOfSeq[seq] { records[index].crashes += 1 } }
    }

    mutating func setAside(_ id: OperationID) {
        guard let index = records.firstIndex(where: { $0.operation.id == id }) else { return violated("set aside the unknown \(id)") }
        if records[index].crashes < Operation.mostCrashes { violated("\(id) was set aside after \(records[index].crashes) crashes") }
        if records[index].fate != .waiting { violated("set aside \(id), which is \(records[index].fate)") }
        failures += 1
        records[index].fate = .failed
        records[index].wasGivenUp = true
    }

    /// Claims of an older epoch are void.
    mutating func claimsReturned() { claimed = [:] }

    mutating func settled(_ settlement: Settlement, wasApplied: Bool, maxAttempts: Int) {
        guard let index = indexOfSeq[settlement.seq] else { return violated("settled the unknown seq \(settlement.seq)") }
        let record = records[index]
        if claimed[record.line] != settlement.seq { violated("settled seq \(settlement.seq), which is not claimed") }
        claimed[record.line] = nil
        if record.fate != .waiting { violated("settled seq \(settlement.seq), which is \(record.fate)") }
        switch settlement.result {
        case .processed:
            if !wasApplied { violated("seq \(settlement.seq) was settled as processed and has no effect") }
            records[index].fate = .processed
        case .failed(let error):
            failures += 1
            records[index].fate = .failed
            records[index].wasGivenUp = true
            judge(error, record, maxAttempts: maxAttempts)
        case .retry, .returned: records[index].crashes = 0
        case .unsent, .recast: break
        }
    }

    private mutating func judge(_ error: LastError, _ record: Record, maxAttempts: Int) {
        let seq = record.seq ?? 0
        switch error.class {
        case .permanent:
            if record.verdict != .refusedForGood {
                wronglyFailed += 1
                if !countsWrongFailures { violated("seq \(seq) failed as permanent and was fine") }
            }
        case .conflict: if record.verdict != .conflict { violated("seq \(seq) failed as a conflict and had none") }
        case .exhausted:
            if record.failedAnswers < maxAttempts { violated("seq \(seq) was given up after \(record.failedAnswers) failures") }
            if successes <= record.successesAtFirstSend ?? 0 { violated("seq \(seq) was given up while no other succeeded") }
        default: violated("seq \(seq) failed as \(error.class)")
        }
    }

    mutating func left(_ seq: Int64, as fate: Fate) {
        guard let index = indexOfSeq[seq] else { return violated("seq \(seq) left and never came") }
        if records[index].fate == .processed { violated("seq \(seq) was \(fate) after it was processed") }
        records[index].fate = fate
        records[index].wasGivenUp = true
    }

    mutating func retried(_ ids: [OperationID]) {
        for index in records.indices where records[index].fate == .failed && ids.contains(records[index].operation.id) {
            records[index].fate = .waiting
            records[index].crashes = 0
        }
    }

    func seq(of id: OperationID) -> Int64? { records.first { $0.operation.id == id }?.seq }

    /// What the store must hold: as many rows as operations that were stored and have not left.
    mutating func compare(_ report: CheckReport) {
        if report.gap != 0 || !report.problems.isEmpty { violated("check: gap \(report.gap), \(report.problems)") }
        let waiting = records.count { $0.seq != nil && $0.fate == .waiting }
        let failed = records.count { $0.fate == .failed }
        if report.pending + report.processing != waiting {
            violated("lost: \(report.pending + report.processing) rows wait, not \(waiting)")
        }
        if report.failed != failed { violated("\(report.failed) rows are failed, not \(failed)") }
        let processed = records.count { $0.fate == .processed }
        if report.books.processed != processed { violated("the books say \(report.books.processed) processed, not \(processed)") }
        if Int(report.processing) != claimed.count { violated("\(report.processing) rows are claimed, not \(claimed.count)") }
    }
}
