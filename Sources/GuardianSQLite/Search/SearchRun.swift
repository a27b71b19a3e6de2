internal import GRDB
internal import GuardianCore

/// One page of a search: walks windows of rows until the page is full, the rows have ended, or the time is up. Full is also one whose
/// operations carry ``SearchPage/mostBytes``.
///
/// In a sealed store no index and no `LIKE` finds a text in an error's message. A search for text opens the messages there, one by one, of
/// the rows that fit otherwise; the time of a page bounds how many.
struct SearchRun {
    /// How long a page looks for more, unless it has been told otherwise.
    static let patience = Duration.milliseconds(20)

    let db: Database
    let vault: Vault
    let search: OperationSearch
    let zones: SearchZones
    private let plan: SearchPlan
    /// Whether blocks tell anything of what is looked for.
    private let usesZones: Bool
    /// The text, where messages have to be opened to find it.
    private let sealedText: String?

    init(_ db: Database, _ vault: Vault, _ search: OperationSearch, _ zones: SearchZones) {
        self.db = db
        self.vault = vault
        self.search = search
        self.zones = zones
        plan = SearchPlan(search)
        usesZones = plan.source == .table
        sealedText = vault.current == nil ? nil : plan.text
    }

    /// The page. `patience` nil looks until the end. The time is looked at behind each window, and behind each message that was opened in
    /// vain.
    func page(patience: Duration?) throws -> SearchPage {
        let isDescending = search.isNewestFirst
        let order = "ORDER BY seq\(isDescending ? " DESC" : "")"
        let fetch = try statement(
            sealedText == nil
                ? "SELECT \(plan.columns) FROM \(plan.from)\(plan.rest) \(order) LIMIT ?12"
                : "SELECT \(plan.columns), \(plan.isFoundInClear) FROM \(plan.from)\(plan.restWithSealed) \(order)",
            withRest: true)
        let deadline = patience.map { ContinuousClock.now + $0 }
        var found: [GuardianCore.Operation] = []
        var bytes = 0
        var windows = try Windows(self)
        while let window = try windows.next() {
            fetch.bind(1, window.after)
            fetch.bind(2, window.through)
            if sealedText == nil { fetch.bind(12, search.limit + 1 - found.count) }
            defer { fetch.reset() }
            while try fetch.step() {
                guard try fits(fetch, isFoundInClear: OperationRow.count, message: OperationRow.messageColumn) else {
                    if let deadline, ContinuousClock.now >= deadline { return SearchPage(operations: found, next: fetch.int(0)) }
                    continue
                }
                guard found.count < search.limit, bytes < SearchPage.mostBytes else {
                    return SearchPage(operations: found, next: found.last?.seq)
                }
                let operation = try OperationRow.look(fetch, vault)
                bytes += operation.carriedBytes
                found.append(operation)
            }
            if let deadline, ContinuousClock.now >= deadline, windows.hasMore {
                return SearchPage(operations: found, next: isDescending ? window.after + 1 : window.through)
            }
        }
        return SearchPage(operations: found, next: nil)
    }

    /// How many fit with a number greater than `after`, counted for a while; `next` is where to go on.
    func count(after: Int64, patience: Duration) throws -> (count: Int64, next: Int64?) {
        let fetch = try statement(
            sealedText == nil
                ? "SELECT count(*) FROM \(plan.from)\(plan.rest)"
                : "SELECT seq, error_message, \(plan.isFoundInClear) FROM \(plan.from)\(plan.restWithSealed) ORDER BY seq",
            withRest: true)
        let deadline = ContinuousClock.now + patience
        var total: Int64 = 0
        var windows = try Windows(self, after: after)
        while let window = try windows.next() {
            fetch.bind(1, window.after)
            fetch.bind(2, window.through)
            while try fetch.step() {
                if sealedText == nil {
                    total += fetch.int(0)
                } else if try fits(fetch, isFoundInClear: 2, message: 1) {
                    total += 1
                }
            }
            if ContinuousClock.now >= deadline, windows.hasMore { return (total, window.through) }
        }
        return (total, nil)
    }

    /// Whether a row has the text; what is sealed of it is opened. Its number stands in the first column; the others are named.
    private func fits(_ row: RawStatement, isFoundInClear: Int32, message: Int32) throws -> Bool {
        guard let text = sealedText, row.int(isFoundInClear) == 0 else { return true }
        guard row.isBlob(message), let opened = try row.readableText(message, vault, SealedKind.errorMessage.at(row.int(0))) else {
            return false
        }
        return OperationSearch.has(opened, text)
    }

    private func statement(_ sql: String, withRest: Bool) throws -> RawStatement {
        let statement = try RawStatement(db, sql)
        plan.bind(to: statement, withRest: withRest)
        return statement
    }

    /// A range of numbers: greater than `after`, up to and with `through`.
    struct Window: Equatable {
        var after: Int64
        var through: Int64
    }

    /// The windows of one search, in its order. Each holds at most a block's rows, or as many of an index.
    struct Windows {
        private let run: SearchRun
        private let edge: RawStatement
        private let step: RawStatement
        private let isDescending: Bool
        /// What is still to be walked.
        private var rest: Window
        private(set) var hasMore = true

        init(_ run: SearchRun, after: Int64? = nil) throws {
            self.run = run
            isDescending = run.search.isNewestFirst && after == nil
            let order = isDescending ? "DESC" : "ASC"
            edge = try run.statement("SELECT seq FROM \(run.plan.from) ORDER BY seq \(order) LIMIT 1", withRest: false)
            step = try run.statement(
                "SELECT seq FROM \(run.plan.from) ORDER BY seq \(order) LIMIT 1 OFFSET \(SearchZones.width - 1)", withRest: false)
            rest = Window(after: 0, through: run.search.through ?? Int64.max)
            if let after {
                rest.after = after
            } else if let cursor = run.search.cursor {
                if isDescending { rest.through = min(rest.through, cursor - 1) } else { rest.after = cursor }
            }
        }

        mutating func next() throws -> Window? {
            while hasMore {
                guard rest.after < rest.through, let first = try seq(edge) else {
                    hasMore = false
                    return nil
                }
                let window = try run.usesZones ? block(of: first) : try stretch(from: first)
                if isDescending { rest.through = window.after } else { rest.after = window.through }
                if rest.after >= rest.through { hasMore = false }
                if run.usesZones, !run.zones.mayHold(run.search, (window.through - 1) / SearchZones.width) { continue }
                return window
            }
            return nil
        }

        /// What is left of the block of `first`. Block `n` has the numbers n·width + 1 … (n+1)·width.
        private func block(of first: Int64) throws -> Window {
            let block = (first - 1) / SearchZones.width
            return Window(
                after: max(rest.after, block * SearchZones.width), through: min(rest.through, (block + 1) * SearchZones.width))
        }

        /// As many entries of the index as a block has rows.
        private func stretch(from first: Int64) throws -> Window {
            let last = try seq(step)
            if isDescending { return Window(after: last.map { $0 - 1 } ?? rest.after, through: min(first, rest.through)) }
            return Window(after: rest.after, through: last ?? rest.through)
        }

        private func seq(_ statement: RawStatement) throws -> Int64? {
            statement.bind(1, rest.after)
            statement.bind(2, rest.through)
            defer { statement.reset() }
            return try statement.step() ? statement.int(0) : nil
        }
    }
}
