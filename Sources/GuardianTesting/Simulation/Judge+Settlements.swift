import GuardianCore

/// What is written of an attempt, held against what really came of it.
extension Judge {
    mutating func settled(_ settlement: Settlement, by fence: Fence, wasApplied: Bool, maxAttempts: Int) {
        let seq = settlement.seq
        guard let index = indexOfSeq[seq] else { return violated("settled the unknown seq \(seq)") }
        let record = records[index]
        if claimed[record.line] != seq { violated("settled seq \(seq), which is not claimed") }
        claimed[record.line] = nil
        if record.fate != .waiting { violated("settled seq \(seq), which is \(record.fate)") }
        if let end = record.lastEnd, end.fence == fence { judge(settlement, after: end) }
        if let server = settlement.serverID { adopted(seq, server.text) }
        hear(settlement, of: records[index].operation)
        switch settlement.result {
        case .processed:
            if !wasApplied { violated("seq \(seq) was settled as processed and has no effect") }
            records[index].fate = .processed
            departed(record.operation.txnToken, .processed)
        case .overruled:
            if record.verdict != .conflict { violated("seq \(seq) was overruled and had no conflict") }
            records[index].fate = .processed
            records[index].isOverruled = true
            records[index].wasGivenUp = true
            departed(record.operation.txnToken, .lost("SERVER_WINS"))
        case .revised(let revision):
            if record.verdict != .conflict, record.verdict != .shared { violated("seq \(seq) was revised and had no conflict") }
            if !revision.wasRefused { records[index].wasAttempted = record.wasAttemptedBefore }
            records[index].operation.payload = revision.payload
            records[index].operation.base = revision.base ?? record.operation.base
            records[index].offeredKey = revision.newKey
            records[index].retryAt = nil
            records[index].crashes = 0
        case .failed(let error):
            failures += 1
            records[index].fate = .failed
            records[index].wasGivenUp = true
            spoiled(index)
            judge(error, record, maxAttempts: maxAttempts)
            departed(record.operation.txnToken, .failed(error.code))
        case .retry(let due, let backoffMs, _, let isCharged, _, _):
            records[index].crashes = 0
            records[index].retryAt = due
            records[index].backoffMs = backoffMs
            if isCharged { records[index].charged += 1 }
        case .returned: records[index].crashes = 0
        case .unsent: records[index].wasAttempted = record.wasAttemptedBefore
        case .putOff(let until, let waitMs):
            records[index].wasAttempted = record.wasAttemptedBefore
            records[index].retryAt = until
            records[index].backoffMs = waitMs
        case .recast(let payload, let base, let version, let newKey):
            records[index].wasAttempted = record.wasAttemptedBefore
            records[index].operation.payload = payload
            records[index].operation.base = base
            records[index].operation.schemaVersion = version
            records[index].offeredKey = newKey
        }
    }

    /// Answers after which there is only one thing to do.
    private mutating func judge(_ settlement: Settlement, after end: AttemptEnd) {
        let seq = settlement.seq
        switch (end.outcome, settlement.result) {
        case (.unanswered(.foreign, _), .retry(_, _, _, let isCharged, _, _)):
            if isCharged { violated("a stranger's answer used up an attempt of seq \(seq)") }
        case (.unanswered(.foreign, _), .returned): break
        case (.unanswered(.foreign, _), let result): violated("a stranger's answer settled seq \(seq): \(result.word)")
        case (.refused(.upgrade, _), .returned):
            if !control.pauses.contains(.upgrade), end.lifts == lifts { violated("426 for seq \(seq), and delivery goes on") }
        case (.refused(.upgrade, _), let result): violated("426 for seq \(seq), and it was settled: \(result.word)")
        default: break
        }
    }

    private mutating func judge(_ error: LastError, _ record: Record, maxAttempts: Int) {
        let seq = record.seq ?? 0
        switch error.class {
        case .permanent:
            if record.verdict != .refusedForGood {
                wronglyFailed += 1
                if !countsWrongFailures { violated("seq \(seq) failed as permanent (\(error.code)) and was fine") }
            }
        case .conflict:
            if record.verdict != .conflict, record.verdict != .shared { violated("seq \(seq) failed as a conflict and had none") }
        case .exhausted:
            if record.failedAnswers < maxAttempts { violated("seq \(seq) was given up after \(record.failedAnswers) failures") }
            if successes <= record.successesAtFirstSend ?? 0 { violated("seq \(seq) was given up while no other succeeded") }
        default: violated("seq \(seq) failed as \(error.class)")
        }
    }
}

extension Settlement.Result {
    /// For a violation's text.
    fileprivate var word: String {
        switch self {
        case .processed: "processed"
        case .retry: "retry"
        case .failed(let error): "failed (\(error.class))"
        case .unsent: "unsent"
        case .putOff: "put off"
        case .returned: "returned"
        case .recast: "recast"
        case .revised: "revised"
        case .overruled: "overruled"
        }
    }
}
