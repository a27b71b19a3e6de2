import GuardianCore

/// What becomes of optimistic changes, told from what the judge knows itself, and whether the app hears it once.
extension Judge {
    enum ChangeState { case open, rolledBack, refused, lost, committed }

    struct Change {
        var change: OptimisticChange
        var number: Int
        var state = ChangeState.open
    }

    /// All that the judge keeps of changes.
    struct Optimism {
        var changes: [String: Change] = [:]
        /// Endings that the store must have written since it was looked at last, in any order.
        var expected: [String] = []
        /// Endings that stand in the store, in order.
        var standing: [(number: Int64, word: String)] = []
        var lastNumber: Int64 = 0
        /// What has stepped out since then.
        var steppedOut: Set<OperationID> = []
        /// How often the app has heard of each, and how often it died on it.
        var heard: [Int64: Int] = [:]
        var diedOn: [Int64: Int] = [:]
        /// What each token was told, in order.
        var told: [String: [String]] = [:]
    }

    enum Leaving {
        case processed
        case failed(String)
        case lost(String)
    }

    mutating func registered(_ change: OptimisticChange) {
        let token = change.txnToken
        guard optimism.changes[token] == nil else { return }
        optimism.changes[token] = Change(change: change, number: optimism.changes.count)
        guard let base = change.dependsOn.flatMap({ optimism.changes[$0] }), ![.open, .committed].contains(base.state) else { return }
        refuse(token, except: [])
    }

    /// An operation of a change has left or failed; its fate stands already. What is claimed in the same exchange does not step out.
    mutating func departed(_ token: String?, _ leaving: Leaving, besides claims: Set<Int64> = []) {
        guard let token, let state = optimism.changes[token]?.state else { return }
        switch leaving {
        case .processed:
            let isLast = !records.contains { isStored($0) && $0.operation.txnToken == token }
            guard isLast, state != .lost, state != .committed else { return }
            optimism.changes[token]?.state = .committed
            optimism.expected.append("\(token) committed")
        case .failed(let code):
            guard state == .open else { return }
            optimism.changes[token]?.state = .rolledBack
            rollBack(token, code, besides: claims)
        case .lost(let code):
            guard state != .committed else { return }
            optimism.changes[token]?.state = .lost
            if state == .open { rollBack(token, code, besides: claims) }
        }
    }

    private mutating func rollBack(_ token: String, _ code: String, besides claims: Set<Int64>) {
        optimism.expected.append("\(token) \(code)")
        var bases = [token]
        while let base = bases.popLast() {
            let built = optimism.changes.values.filter { $0.change.dependsOn == base && $0.state == .open }.map(\.change.txnToken)
            for token in built.sorted() {
                refuse(token, except: claims)
                bases.append(token)
            }
        }
    }

    private mutating func refuse(_ token: String, except claims: Set<Int64>) {
        optimism.changes[token]?.state = .refused
        optimism.expected.append("\(token) DEPENDS_ON")
        stepOut(token, except: claims)
    }

    /// What was never attempted does not go out any more.
    mutating func stepOut(_ token: String, except claims: Set<Int64> = []) {
        for index in records.indices where records[index].operation.txnToken == token && records[index].fate == .waiting {
            let record = records[index]
            guard let seq = record.seq, claimed[record.line] != seq, !claims.contains(seq), !record.wasAttempted else { continue }
            records[index].fate = .failed
            records[index].wasGivenUp = true
            spoiled(index)
            failures += 1
            optimism.steppedOut.insert(record.operation.id)
        }
    }

    private func isStored(_ record: Record) -> Bool { record.seq != nil && (record.fate == .waiting || record.fate == .failed) }

    /// The store has written these since it was looked at last.
    mutating func compare(_ news: [OptimisticEnding]) {
        let words = news.map { "\($0.change.txnToken) \($0.reason?.code ?? "committed")" }
        if words.sorted() != optimism.expected.sorted() {
            violated("endings: \(words.sorted()), and should be \(optimism.expected.sorted())")
        }
        for (ending, word) in zip(news, words) {
            let token = ending.change.txnToken
            if ending.number <= optimism.lastNumber { violated("ending \(ending.number) after \(optimism.lastNumber)") }
            optimism.lastNumber = ending.number
            optimism.standing.append((ending.number, word))
            if let told = optimism.told[token], told.count > 1 || told == ["\(token) committed"] || !word.hasSuffix("committed") {
                violated("\(token) was told \(told), and then \(word)")
            }
            optimism.told[token, default: []].append(word)
            if let own = optimism.changes[token]?.change, own.entity != ending.change.entity || own.original != ending.change.original {
                violated("\(token) ended as a change of \(ending.change.entity.orderingKey)")
            }
        }
        optimism.expected = []
        optimism.steppedOut = []
    }

    /// The app looks for endings, and finds exactly those that it has not taken.
    mutating func found(_ endings: [OptimisticEnding]) {
        let numbers = endings.map(\.number)
        if numbers != optimism.standing.map(\.number) {
            violated("the app finds the endings \(numbers), not \(optimism.standing.map(\.number))")
        }
    }

    mutating func heard(_ ending: OptimisticEnding, died: Bool) {
        let times = optimism.heard[ending.number, default: 0] + 1
        optimism.heard[ending.number] = times
        if times > 1 + optimism.diedOn[ending.number, default: 0] { violated("the app heard ending \(ending.number) again") }
        if died { optimism.diedOn[ending.number, default: 0] += 1 } else { optimism.standing.removeAll { $0.number == ending.number } }
    }

    /// When all is delivered, every change has come to its end, and the app knows.
    mutating func judgeOptimismAtTheEnd() {
        for (token, change) in optimism.changes where change.state == .open { violated("the change \(token) never came to its end") }
        if !optimism.standing.isEmpty { violated("the app never took \(optimism.standing.count) endings") }
    }
}
