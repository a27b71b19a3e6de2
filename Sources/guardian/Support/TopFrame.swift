import GuardianCore
import GuardianPrivacy
import GuardianRuntime

/// One look at the queue, for `guardian top`.
struct TopFrame {
    /// Failed operations that are looked at for those that failed last: no index has them in that order.
    private static let mostFailures = 1000
    /// Milliseconds after which the gap is counted anew: it costs a walk of an index.
    private static let gapEveryMs: Int64 = 60_000

    private let at: Timestamp
    private let books: Books
    /// Accepted operations that nothing accounts for, and when that was counted.
    private let gap: Int64
    private let gapAt: Timestamp
    private let control: Control
    private let lock: LockState?
    private let oldest: Timestamp?
    /// The last to fail among the failed ones that were looked at.
    private let failures: [GuardianCore.Operation]
    private let looked: Int
    /// Whether there are older ones that were not looked at.
    private let isPartial: Bool
    private let waiting: [BlockedKey]
    /// Per second since the look before; nil for the first.
    private let rates: (accepted: Double, processed: Double)?

    init(_ store: any OpenedStore, since last: TopFrame?) async throws {
        let now = SystemClock().now.wall
        at = now
        books = try await store.books()
        if let last, (0..<Self.gapEveryMs).contains(now.milliseconds - last.gapAt.milliseconds) {
            (gap, gapAt) = (last.gap, last.gapAt)
        } else {
            (gap, gapAt) = (try await store.accountingGap(), now)
        }
        control = try await store.loadControl()
        lock = try await store.lockState()
        oldest = try await store.oldestPending()
        var failed = OperationSearch(status: .failed, limit: Self.mostFailures)
        failed.isNewestFirst = true
        failed.includesPayload = false
        let page = try await store.search(failed)
        failures = Array(page.operations.sorted { ($0.updatedAt, $0.seq) > ($1.updatedAt, $1.seq) }.prefix(20))
        (looked, isPartial) = (page.operations.count, page.next != nil)
        waiting = try await store.blockedKeys(at: at, after: nil, limit: 20)
        let seconds = last.map { Double(now.milliseconds - $0.at.milliseconds) / 1000 } ?? 0
        if let last, seconds > 0 {
            rates = (Double(books.accepted - last.books.accepted) / seconds, Double(books.processed - last.books.processed) / seconds)
        } else {
            rates = nil
        }
    }

    var json: JSONValue {
        let holder: JSONValue = lock.map { ["owner": .string($0.fence.owner), "epoch": JSONValue($0.fence.epoch)] } ?? .null
        let accepted: JSONValue = rates.map { JSONValue.number(Self.short($0.accepted)) } ?? .null
        let processed: JSONValue = rates.map { JSONValue.number(Self.short($0.processed)) } ?? .null
        return [
            "at": .string(at.rfc3339), "books": books.json, "accounting_gap": JSONValue(gap), "gap_at": .string(gapAt.rfc3339),
            "breaker": .string(breaker),
            "pauses": .array(control.pauses.map { .string($0.rawValue) }), "oldest_pending": JSONValue(oldest?.rfc3339),
            "lock": holder, "accepted_per_second": accepted, "processed_per_second": processed,
            "failures_looked_at": JSONValue(looked), "failures_are_all": .bool(!isPartial),
            "last_failures": .array(failures.map { Redactor.standard.redact($0.json(includingPayload: false)) }),
        ]
    }

    /// The screen's lines, none wider than `width`, no more than `height`.
    func lines(width: Int, height: Int, isColored: Bool) -> [String] {
        func paint(_ text: String, _ code: String) -> String { isColored ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }
        var lines: [(text: String, code: String)] = [("guardian top   \(at)   q ends", "1"), ("", "")]
        if let trouble { lines.append((trouble, "97;41")) }
        lines.append(
            ("pending \(books.pending)   processing \(books.processing)   failed \(books.failed)   processed \(books.processed)", "1"))
        lines.append(
            ("rate    " + (rates.map { "\(Self.short($0.accepted)) accepted/s   \(Self.short($0.processed)) delivered/s" } ?? "–"), ""))
        lines.append(("oldest  " + (oldest.map { "\($0), \(ago($0))" } ?? "nothing waits"), ""))
        lines.append(("breaker \(breaker)   trips \(control.health?.trips ?? 0)", breaker == "closed" ? "" : "31"))
        let holder = lock.map { "\($0.fence.owner)   epoch \($0.fence.epoch)   heartbeat \(ago($0.heartbeatAt))" }
        lines.append(("lock    " + (holder ?? "free: nobody delivers"), lock == nil ? "31" : ""))
        lines.append(("books   " + booksText, gap == 0 ? "2" : "97;41"))
        // Where not all could be looked at, an old one that has failed just now may be missing.
        let title = isPartial ? "Last failures of the \(looked) enqueued last" : "Last failures"
        lines += section(title, failures.map { failure($0) }, room: (height - lines.count) / 2)
        lines += section("Waiting heads", waiting.map { head($0) }, room: height - lines.count - 1)
        return lines.prefix(max(1, height - 1)).map { line in
            let cut = String(line.text.printableLine.prefix(max(1, width)))
            return line.code.isEmpty ? cut : paint(cut, line.code)
        }
    }

    private func section(_ title: String, _ entries: [String], room: Int) -> [(String, String)] {
        guard room >= 3 else { return [] }
        return [("", ""), (title, "1")] + (entries.isEmpty ? ["none"] : entries).prefix(room - 2).map { ($0, "") }
    }

    private func failure(_ operation: GuardianCore.Operation) -> String {
        let error = operation.lastError
        let why = "\(error?.class.rawValue ?? "") \(error?.code ?? "") \(error?.message ?? "")"
        return Redactor.standard.redact(
            "\(ago(operation.updatedAt))  \(operation.type) \(operation.entity.orderingKey)  \(operation.id)  \(why)")
    }

    private var booksText: String {
        "cancelled \(books.cancelled)   folded \(books.coalesced)   expired \(books.expired)   cleared \(books.cleared)   "
            + "gap \(gap), counted \(ago(gapAt))"
    }

    private func head(_ key: BlockedKey) -> String {
        let until = key.head.nextRetryAt.map { " until \($0)" } ?? ""
        return Redactor.standard.redact("\(key.head.orderingKey)  \(key.reason.rawValue)\(until)  \(key.behind) behind")
    }

    private var breaker: String {
        guard let until = control.health?.openUntil else { return "closed" }
        return until > at ? "open, probe in \((until.milliseconds - at.milliseconds) / 1000 + 1) s" : "half-open"
    }

    private var trouble: String? {
        if !control.pauses.isEmpty { return "paused: \(control.pauses.map(\.rawValue).sorted().joined(separator: ", "))" }
        if let status = control.health?.plagueStatus { return "held: the upstream answers \(status) to everything" }
        return nil
    }

    private func ago(_ time: Timestamp) -> String {
        let seconds = max(0, at.milliseconds - time.milliseconds) / 1000
        switch seconds {
        case ..<60: return "\(seconds) s ago"
        case ..<3600: return "\(seconds / 60) min ago"
        case ..<86_400: return "\(seconds / 3600) h \(seconds / 60 % 60) min ago"
        default: return "\(seconds / 86_400) d ago"
        }
    }

    private static func short(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(abs(tenths % 10))"
    }
}
