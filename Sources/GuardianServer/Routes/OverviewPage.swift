import GuardianCore
import Hummingbird

extension ConsolePages {
    func overview(_ visit: Visit) async throws -> Page {
        let pulse = await console.pulse(engine, store)
        let span = visit.query("span").flatMap(ConsoleHistory.Span.init(rawValue:)) ?? .quarter
        var latest = OperationSearch(limit: 10)
        latest.isNewestFirst = true
        latest.includesPayload = false
        let operations = try await ask { () async throws(StoreError) in try await store.search(latest) }.operations
        let history = console.history
        let recent = history.recent(until: now)
        var data: [String: Any] = [
            "tiles": tiles(pulse, history, recent), "charts": Charts.all(history.slots(of: span, until: now), span),
            "spans": ConsoleHistory.Span.allCases.map { ["value": $0.rawValue, "name": $0.rawValue, "isCurrent": $0 == span] },
            "hasRows": !operations.isEmpty, "rows": operations.map { row($0) },
        ]
        data.merge(queue(pulse)) { $1 }
        data.merge(delivery(pulse)) { $1 }
        return Page(
            title: "Overview", section: "Overview", template: "overview", data: data,
            fragments: [("tiles", "tiles"), ("charts", "charts"), ("queue", "queue"), ("delivery", "delivery"), ("recent", "recent")])
    }

    private func tiles(_ pulse: Pulse, _ history: ConsoleHistory, _ recent: ConsoleHistory.Slot) -> [[String: Any]] {
        func tile(_ label: String, _ value: String, _ note: String, _ href: String, raw: String = "", tone: String = "") -> [String: Any] {
            ["label": label, "value": value, "note": note, "href": href, "raw": raw, "tone": tone]
        }
        let books = pulse.books
        let rates = history.rates(until: pulse.at)
        let p95 = recent.latencies.percentile(0.95)
        let age = pulse.oldestPending.map { pulse.at.milliseconds - $0.milliseconds }
        return [
            tile(
                "Pending", Show.number(books.pending), age.map { "oldest \(Show.duration($0))" } ?? "nothing waits",
                "/admin/operations?status=pending", raw: "\(books.pending)", tone: "orange"),
            tile(
                "Processed", Show.number(books.processed), "\(Show.rate(rates.processed)) a second", "/admin/operations",
                raw: "\(books.processed)",
                tone: "green"),
            tile(
                "Failed", Show.number(books.failed), books.failed == 0 ? "nothing to do" : "wait for a person", "/admin/failures",
                raw: "\(books.failed)", tone: books.failed == 0 ? "" : "red"),
            tile(
                "p95 latency", p95.map { Show.duration($0) } ?? "–",
                recent.latencies.percentile(0.5).map { "p50 \(Show.duration($0)), 5 min" } ?? "none in 5 min", "/admin?span=1h",
                tone: "teal"),
            tile(
                "Success rate", Show.percent(recent.successRate), "\(Show.number(recent.ended)) ended in 5 min", "/admin?span=1h",
                tone: recent.successRate.map { $0 < 0.9 } == true ? "red" : "green"),
            tile(
                "Processing", Show.number(books.processing), "\(Show.rate(rates.accepted)) accepted a second",
                "/admin/operations?status=processing", raw: "\(books.processing)", tone: "blue"),
        ]
    }

    private func queue(_ pulse: Pulse) -> [String: Any] {
        let books = pulse.books
        var data: [String: Any] = [
            "pending": Show.number(books.pending), "processing": Show.number(books.processing), "failed": Show.number(books.failed),
            "failedTone": books.failed > 0 ? "bad" : "", "indexEntries": Show.number(pulse.count.indexEntries),
            "booksText":
                "accepted \(Show.number(books.accepted)), cancelled \(Show.number(books.cancelled)), "
                + "folded \(Show.number(books.coalesced)), expired \(Show.number(books.expired)), cleared \(Show.number(books.cleared))",
        ]
        if let oldest = pulse.oldestPending { data["oldest"] = Show.time(oldest) }
        if let explanation = pulse.count.explanation {
            data["explanation"] = ["detail": Show.words(redact(explanation.detail))]
            data["reasons"] = Explanation.Reason.allCases.compactMap { reason -> [String: Any]? in
                guard let count = explanation.reasons[reason] else { return nil }
                let href =
                    reason == .failed ? "/admin/failures" : reason == .leased ? "/admin/operations?status=processing" : "/admin/blocked"
                return ["name": reason.rawValue, "count": Show.number(count), "href": href]
            }
        }
        return data
    }

    /// Processors that a page names at most.
    static let mostProcessors = 5

    private func delivery(_ pulse: Pulse) -> [String: Any] {
        let health = pulse.control.health
        let tones: [Pulse.Breaker: String] = [.closed: "good", .open: "bad", .halfOpen: "warning"]
        let isPaused = !pulse.control.pauses.isEmpty
        var data: [String: Any] = [
            "breaker": pulse.breaker.rawValue, "breakerTone": tones[pulse.breaker] ?? "", "trips": Show.number(health?.trips ?? 0),
            "pauses": pulse.control.pauses.map(\.rawValue).sorted(), "pauseAction": isPaused ? "resume" : "pause",
            "pauseLabel": isPaused ? "Resume delivery" : "Pause delivery",
        ]
        if pulse.breaker == .open, let until = health?.openUntil { data["breakerUntil"] = until.rfc3339 }
        if let hold = health?.holdUntil, hold > pulse.at { data["holdUntil"] = hold.rfc3339 }
        let processors = pulse.processors
        data["seats"] = processors.prefix(Self.mostProcessors).map { lock -> [String: Any] in
            [
                "owner": lock.fence.owner, "short": String(lock.fence.owner.prefix(8)), "epoch": "\(lock.fence.epoch)",
                // Which of several is this process is not known here.
                "isOurs": pulse.isDelivering && processors.count == 1, "heartbeat": lock.heartbeatAt.rfc3339,
                "staleAt": lock.heartbeatAt.adding(milliseconds: console.configuration.lockStaleAfterMs).rfc3339,
            ]
        }
        if processors.count > 1 {
            data["shared"] = Show.number(processors.count) + (pulse.isDelivering ? ", this process among them" : "")
        }
        if processors.count > Self.mostProcessors { data["moreSeats"] = Show.number(processors.count - Self.mostProcessors) }
        return data
    }
}
