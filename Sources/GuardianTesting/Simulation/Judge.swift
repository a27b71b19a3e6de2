import GuardianCore

/// Remembers what was promised and compares it with what happens.
struct Judge {
    enum Fate: Equatable { case waiting, processed, failed, cancelled, expired, merged, vanished }

    struct Record {
        /// As it must stand in the store: a cast changes its payload, and maybe its key.
        var operation: Operation
        /// As its producer hands it in, however often.
        var handed: Operation
        var verdict: SimulatedUpstream.Verdict
        var seq: Int64?
        var line: Int64
        var isAcknowledged = false
        var fate = Fate.waiting
        /// Left its line once without an effect: a copy still in the network may apply it out of turn.
        var wasGivenUp = false
        /// Set aside because it expired after an attempt of unknown outcome: trying again is of no use.
        var hasExpired = false
        /// A cancel said that it was never sent.
        var isPromisedUnsent = false
        var wasApplied = false
        /// The server's state was let stand.
        var isOverruled = false
        var failedAnswers = 0
        /// How often a process is known to have died with it in hand.
        var crashes = 0
        /// How many successes of others there were when it was first sent.
        var successesAtFirstSend: Int?
        /// Whether it was sent under its present key, and the key that a cast has offered since.
        var wasSentUnderKey = false
        var offeredKey: UniqueID?
        /// The upstream's id was put in the place of a local one, after it was attempted.
        var mayHaveNewKey = false
        /// Whether it was ever in hand and not given back unsent; and before the claim in force.
        var wasAttempted = false
        var wasAttemptedBefore = false
        /// Attempts that were counted against it.
        var charged = 0
        /// When it is tried again, and how long it had to wait for that.
        var retryAt: Timestamp?
        var backoffMs: Int64 = 0
        /// What the holder of its claim heard last.
        var lastEnd: AttemptEnd?
    }

    /// What an attempt under a claim came to.
    struct AttemptEnd {
        var fence: Fence
        var outcome: Outcome
        /// How often a person had lifted a pause by then.
        var lifts: Int
    }

    private(set) var violations: [String] = []
    var records: [Record]
    var indexOfSeq: [Int64: Int] = [:]
    var lastEffect: [Int64: Int64] = [:]
    var seqsOfLine: [Int64: [Int]] = [:]
    /// The claim in force of each line.
    var claimed: [Int64: Int64] = [:]
    /// What was sent under each key.
    var payloadOfKey: [UniqueID: String] = [:]
    var successes = 0
    /// How many times an operation was put into `failed`.
    var failures = 0
    var wronglyFailed = 0
    var countsWrongFailures = false
    /// What the store has confirmed of everything that is no operation.
    var control = Control()
    /// How often a person has lifted a pause.
    var lifts = 0

    var optimism = Optimism()
    /// What answers have told of entities.
    var heard: [EntityKey: Heard] = [:]
    /// The upstream's ids by what the app calls its entities.
    var aliases: [EntityKey: String] = [:]
    let assignsIDs: Bool
    let ordering: Ordering
    /// Set where others write the same entities and a feed tells of it.
    var shared: Shared?

    private let indexOfID: [OperationID: Int]

    init(records: [Record], script: SimulatedWorld.Script) {
        self.records = records
        ordering = script.ordering
        assignsIDs = script.localIDs > 0
        if script.others > 0 { shared = Shared() }
        indexOfID = Dictionary(records.enumerated().map { ($1.operation.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func violated(_ what: String) { violations.append(what) }

    func record(of seq: Int64) -> Record? { indexOfSeq[seq].map { records[$0] } }

    func index(of id: OperationID) -> Int? { indexOfID[id] }

    func seq(of id: OperationID) -> Int64? { indexOfID[id].flatMap { records[$0].seq } }

    mutating func stored(_ index: Int, _ receipt: Receipt) {
        if let seq = records[index].seq {
            if receipt.outcome != .duplicate || receipt.seq != seq { violated("the id of seq \(seq) was taken twice (\(receipt))") }
            return
        }
        if !aliases.isEmpty {
            records[index].operation = resolved(records[index].operation)
            records[index].line = ordering.line(for: records[index].operation.orderingKey)
        }
        if receipt.outcome != .accepted { return folded(index, receipt) }
        records[index].seq = receipt.seq
        indexOfSeq[receipt.seq] = index
        seqsOfLine[records[index].line, default: []].append(index)
        if let token = records[index].operation.txnToken, optimism.changes[token]?.state == .refused { stepOut(token) }
    }

    mutating func left(_ seq: Int64, as fate: Fate, besides claims: Set<Int64> = []) {
        guard let index = indexOfSeq[seq] else { return violated("seq \(seq) left and never came") }
        if records[index].fate == .processed { violated("seq \(seq) was \(fate) after it was processed") }
        records[index].fate = fate
        records[index].wasGivenUp = true
        spoiled(index)
        let code = fate == .expired ? "EXPIRED" : "CANCELLED"
        departed(records[index].operation.txnToken, .lost(code), besides: claims)
    }

    /// A person has cancelled it, and was told what that means.
    mutating func cancelled(_ index: Int, _ answer: CancelAnswer, isApplied: Bool) {
        let record = records[index]
        let seq = record.seq ?? 0
        switch answer {
        case .neverSent, .mayHaveApplied:
            if answer == .neverSent {
                if isApplied { violated("cancel said never_sent of seq \(seq), whose effect stands") }
                if record.successesAtFirstSend != nil { violated("cancel said never_sent of seq \(seq), which was sent") }
                records[index].isPromisedUnsent = true
            }
            if record.seq != nil { left(seq, as: .cancelled) }
        case .inFlight: if record.fate != .waiting { violated("in flight and \(record.fate)") }
        case .notFound: if record.seq != nil, record.fate == .waiting || record.fate == .failed { violated("cancel can't find it") }
        }
    }

    mutating func retried(_ ids: [OperationID]) {
        for index in records.indices where records[index].fate == .failed && ids.contains(records[index].operation.id) {
            records[index].fate = .waiting
            records[index].crashes = 0
            records[index].charged = 0
            records[index].retryAt = nil
        }
    }

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
        let folded = records.count { $0.fate == .merged || $0.fate == .vanished }
        if report.books.coalesced != folded { violated("the books say \(report.books.coalesced) coalesced, not \(folded)") }
        if Int(report.processing) != claimed.count { violated("\(report.processing) rows are claimed, not \(claimed.count)") }
    }
}
