import GuardianCore
import Hummingbird

extension ConsolePages {
    /// The set of a bulk action: its filter, frozen where the dialog was shown.
    private func bulkSearch(_ pairs: [(key: Substring, value: Substring)], _ kind: BulkJob.Kind) throws -> OperationSearch {
        var search = try SearchQuery(pairs, ignoring: ["kind", "csrf", "rate", "total", "phrase"], ignoresEmpty: true).search
        // Only what has failed can be retried.
        if kind == .retry { search.status = .failed }
        return search
    }

    /// Asks before a bulk action: how many, which, and how fast.
    func confirmBulk(_ visit: Visit) async throws -> Page {
        guard let kind = visit.query("kind").flatMap(BulkJob.Kind.init(rawValue:)) else {
            throw Problem(SyncError.validation(field: "kind", constraint: "must be retry or cancel"))
        }
        let pairs = visit.fields.pairs.map { (key: Substring($0.name), value: Substring($0.value)) }
        let search = try await frozen(try bulkSearch(pairs, kind))
        let isRetry = kind == .retry
        var data = try await affected(search, noun: isRetry ? "failed operations are put back" : "operations are taken out of the queue")
        data.merge([
            "title": isRetry ? "Retry these operations" : "Cancel these operations", "color": isRetry ? "purple" : "red",
            "risk": isRetry
                ? "They go back to their old places, at the pace below. What failed for a reason that still holds fails again."
                : "They are not delivered. What was sent before may have had its effect all the same; what is on the wire stays.",
            "action": "/admin/bulk", "button": isRetry ? "Retry" : "Cancel operations", "asksRate": true,
            "rate": "\(Int(console.configuration.bulkRate))",
            "back": isRetry && search.shape != nil ? "/admin/failures" : "/admin/operations" + Self.query(visit),
        ]) { $1 }
        let filters = SearchQuery.names.filter { !SearchQuery.places.contains($0) }
        var hidden = filters.compactMap { name in visit.query(name).map { ["name": name, "value": $0] } }
        hidden.append(["name": "kind", "value": kind.rawValue])
        hidden.append(["name": "total", "value": data["rawCount"] as? String ?? "0"])
        data["hidden"] = hidden + Self.ends(of: search)
        if !isRetry, let count = data["rawCount"] as? String { data["phrase"] = "cancel \(count)" }
        return Page(title: isRetry ? "Retry" : "Cancel", section: "Operations", template: "confirm", data: data)
    }

    /// A set as it is now, which nothing joins: neither what is enqueued later, nor what comes to fit later.
    func frozen(_ search: OperationSearch) async throws -> OperationSearch {
        var set = search
        set.asOf = search.dependsOnState ? now : nil
        set.through = try await ask { () async throws(StoreError) in try await store.newestSeq() }
        return set
    }

    /// Where a frozen set ends, as hidden fields of the form that confirms it.
    static func ends(of search: OperationSearch) -> [[String: String]] {
        let ends = [("through", search.through.map { "\($0)" }), ("as_of", search.asOf?.rfc3339)]
        return ends.compactMap { name, end in end.map { ["name": name, "value": $0] } }
    }

    /// Throws a ``Problem`` for a confirmed set that something could join.
    static func checkEnds(of search: OperationSearch) throws {
        guard search.through != nil else {
            throw Problem(SyncError.validation(field: "through", constraint: "must say where the set ends"))
        }
        guard search.asOf != nil || !search.dependsOnState else {
            throw Problem(SyncError.validation(field: "as_of", constraint: "must say when the set was shown"))
        }
    }

    /// How many a set has, and the first of them.
    func affected(_ search: OperationSearch, noun: String) async throws -> [String: Any] {
        let (size, sample) = try await look(at: search)
        var data: [String: Any] = [
            "hasCount": true, "count": size.words, "rawCount": size.text, "noun": noun, "isPossible": size.count > 0 || !size.isWhole,
            "hasSample": !sample.isEmpty, "sample": sample.map { row($0) },
        ]
        if search.through != nil {
            data["through"] = true
            data["which"] = Self.words(of: search)
        }
        let rest = size.count - Int64(sample.count)
        if !size.isWhole { data["rest"] = "many" } else if rest > 0 { data["rest"] = Show.number(rest) }
        return data
    }

    /// Operations that a dialog names.
    private static let mostNamed = 5

    /// Whether it asks for nothing but what has failed.
    private static func isAllFailed(_ search: OperationSearch) -> Bool {
        var all = OperationSearch(status: .failed, limit: search.limit)
        (all.through, all.asOf, all.cursor) = (search.through, search.asOf, search.cursor)
        (all.includesPayload, all.isNewestFirst) = (search.includesPayload, search.isNewestFirst)
        return all == search
    }

    /// How many a set has, and the first of them: as far as a page's time goes. A filter that no index answers is asked of every row, and
    /// a million of them take a second. A set of all that has failed, frozen just now, is as large as the books say.
    private func look(at search: OperationSearch) async throws -> (size: SetSize, sample: [Operation]) {
        var part = search
        part.cursor = nil
        part.includesPayload = false
        part.limit = 1000
        if search.status == .failed, search.text == nil {
            var count = try await ask { () async throws(StoreError) in try await store.books().failed }
            let isFew = count <= console.configuration.countedAtOnce
            if isFew { count = try await ask { () async throws(StoreError) in try await store.count(search) } }
            if isFew || Self.isAllFailed(search) {
                part.limit = Self.mostNamed
                let first = try await ask { () async throws(StoreError) in try await store.search(part) }
                return (SetSize(count: count, isWhole: true), first.operations)
            }
        }
        var found = (size: SetSize(count: 0, isWhole: false), sample: [Operation]())
        let end = console.clock.now.steady + console.configuration.countingMs
        while !found.size.isWhole {
            let page = try await ask { () async throws(StoreError) in try await store.search(part) }
            found.size.count += Int64(page.operations.count)
            found.sample += page.operations.prefix(Self.mostNamed - found.sample.count)
            part.cursor = page.next
            found.size.isWhole = page.next == nil
            if console.clock.now.steady >= end { break }
        }
        return found
    }

    /// How many a confirmed set has now; nil where its dialog has not counted them all, and so there is nothing to compare with.
    func countAgain(_ search: OperationSearch, _ visit: Visit) async throws -> Int64? {
        if let confirmed = visit.form["total"].flatMap({ SetSize($0) }), !confirmed.isWhole { return nil }
        return try await ask { () async throws(StoreError) in try await store.count(search) }
    }

    func startBulk(_ visit: Visit) async throws -> Response {
        guard let kind = visit.form["kind"].flatMap(BulkJob.Kind.init(rawValue:)) else {
            throw Problem(SyncError.validation(field: "kind", constraint: "must be retry or cancel"))
        }
        let search = try bulkSearch(visit.form.pairs.map { (key: Substring($0.name), value: Substring($0.value)) }, kind)
        try Self.checkEnds(of: search)
        let total = try await countAgain(search, visit)
        if kind == .cancel { try checkPhrase(visit, "cancel") }
        return try start(kind, search, total, visit, action: "bulk_\(kind.rawValue)")
    }

    /// `total` is how many the set has now; nil where they were not counted.
    func start(_ kind: BulkJob.Kind, _ search: OperationSearch, _ total: Int64?, _ visit: Visit, action: String) throws -> Response {
        let rate = visit.form["rate"].flatMap { Double($0) } ?? console.configuration.bulkRate
        guard rate >= 1, rate <= 1000 else {
            throw Problem(SyncError.validation(field: "rate", constraint: "must be between 1 and 1000 a second"))
        }
        // Some may have left the set since it was confirmed; more than that is another set.
        if let total, let confirmed = visit.form["total"].flatMap(SearchQuery.number), total > confirmed { throw Self.notTheSame(total) }
        try ask(visit, action, count: total, Self.words(of: search))
        guard let number = console.jobs.add(kind, search, total: total, rate: rate, who: visit.session.name, at: now) else {
            try ended(visit, action, count: 0, "too many jobs wait", outcome: "refused")
            throw Problem(.conflict, "too many jobs", "\(BulkJobs.mostWaiting) jobs wait; stop one, or wait")
        }
        console.groups.forget()
        return done(visit, "Job \(number) has begun.", to: "/admin/jobs")
    }

    static func notTheSame(_ now: Int64) -> Problem {
        Problem(.conflict, "not the same any more", "there are \(now) in this set now; look again, then confirm")
    }

    /// What was typed must be the word and the number, as the dialog said them.
    func checkPhrase(_ visit: Visit, _ word: String) throws {
        let wanted = "\(word) \(visit.form["total"] ?? "")"
        guard (visit.form["phrase"] ?? "").split(separator: " ") == wanted.split(separator: " ") else {
            throw Problem(.badRequest, "not confirmed", "type “\(wanted)”, as the dialog asks")
        }
    }

    func stopJob(_ number: Int, _ visit: Visit) throws -> Response {
        try ask(visit, "stop_job", "job \(number)")
        let isStopped = console.jobs.stop(number)
        try ended(visit, "stop_job", "job \(number)", outcome: isStopped ? "done" : "refused")
        return done(visit, isStopped ? "Job \(number) ends after its present step." : "Job \(number) is over already.", to: "/admin/jobs")
    }
}
