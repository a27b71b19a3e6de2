import GuardianCore

/// What may be folded into what: only one of which nothing has left the machine, and nothing of either is lost by it.
extension Judge {
    /// A new operation does not stand in the store by itself.
    mutating func folded(_ index: Int, _ receipt: Receipt) {
        guard let target = receipt.into.flatMap({ self.index(of: $0) }), let seq = records[target].seq, receipt.seq == seq else {
            return violated("operation \(index) was new and got \(receipt)")
        }
        let (new, waiting) = (records[index], records[target])
        let what = "operation \(index) was folded into seq \(seq), which"
        if !new.operation.folds { violated("\(what) nobody had asked for") }
        if waiting.fate != .waiting { violated("\(what) is \(waiting.fate)") }
        if claimed[waiting.line] == seq { violated("\(what) is in hand") }
        if waiting.successesAtFirstSend != nil { violated("\(what) was sent") }
        if new.line != waiting.line || last(of: waiting.line) != seq { violated("\(what) is not the last of its line") }
        if !Self.areAlike(new.operation, waiting.operation) { violated("\(what) is of another kind") }
        records[index].seq = seq
        records[index].fate = .merged
        switch (receipt.outcome, waiting.operation.type, new.operation.type) {
        case (.coalesced, "create", "update"), (.coalesced, "update", "update"):
            records[target].operation.payload = Self.together(waiting.operation.payload, new.operation.payload)
        case (.coalesced, "update", "delete"):
            records[target].operation.type = "delete"
            records[target].operation.payload = new.operation.payload
        case (.cancelledOut, "create", "delete"):
            for gone in [index, target] {
                records[gone].fate = .vanished
                records[gone].isPromisedUnsent = true
            }
            departed(waiting.operation.txnToken, .processed)
        case (let outcome, let first, let second): violated("\(first) and \(second) were \(outcome.rawValue)")
        }
    }

    /// What the store says later of one that was folded away.
    mutating func compare(_ ending: Ending?, of receipt: Receipt) {
        switch (receipt.outcome, receipt.into, ending) {
        case (.accepted, _, _), (.duplicate, _, _), (.cancelledOut, _, .cancelled): break
        case (.coalesced, let into?, .merged(let told)) where told == into: break
        default: violated("\(receipt.id) was \(receipt.outcome.rawValue), and its ending is \(ending.map { "\($0)" } ?? "forgotten")")
        }
    }

    private func last(of line: Int64) -> Int64? {
        seqsOfLine[line, default: []].lazy.filter { records[$0].fate == .waiting }.compactMap { records[$0].seq }.max()
    }

    private static func areAlike(_ one: Operation, _ other: Operation) -> Bool {
        one.entity == other.entity && one.principal == other.principal && one.priority == other.priority && one.notBefore == other.notBefore
            && one.expiresAt == other.expiresAt && one.schemaVersion == other.schemaVersion
            && (one.txnToken == nil || one.txnToken == other.txnToken)
    }

    /// Payloads of these worlds are flat.
    private static func together(_ older: String?, _ newer: String?) -> String? {
        guard let older, let newer else { return nil }
        do throws(JSONScanner.Defect) {
            var members = try JSONValue(parsing: older).members ?? []
            for member in try JSONValue(parsing: newer).members ?? [] {
                if let place = members.firstIndex(where: { $0.name == member.name }) {
                    members[place] = member
                } else {
                    members.append(member)
                }
            }
            return JSONValue.object(members).text
        } catch { return nil }
    }
}
