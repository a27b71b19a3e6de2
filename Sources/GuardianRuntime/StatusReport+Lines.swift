import GuardianCore
import GuardianPrivacy

extension StatusReport {
    /// Rows of the smallest terminal, without the one of the prompt.
    static let mostLines = 23

    /// The report for a terminal, none of its lines wider than `width`; 80 by default.
    package func lines(width: Int = 80) -> [String] {
        let width = max(20, width)
        var head = entry("state", words, width, most: 1)
        if state != .delivering, state != .idle { head += entry("why", Redactor.standard.redact(queue.detail), width, most: 3) }
        head += entry("next", nextStep, width, most: 2)
        if let tight { head += entry("disk", "\(tight.level.rawValue.uppercased()): \(tight.detail)", width, most: 1) }
        var rest = entry("queue", "pending \(books.pending)  processing \(books.processing)  failed \(books.failed)", width, most: 2)
        rest += entry("held up", reasons, width, most: 3)
        rest += entry("oldest", oldest.map { "waits since \($0) (\(age($0)))" } ?? "nothing waits", width, most: 1)
        rest += entry("breaker", "\(breaker)  trips \(health?.trips ?? 0)", width, most: 1)
        rest += entry("lock", holder, width, most: 2)
        rest += entry("success", success, width, most: 1)
        let latency = p95Ms.map { "p95 \(Alert.short($0)) ms" } ?? "not measured, or too little traffic to say"
        rest += entry("latency", latency, width, most: 1)
        rest += entry("totals", "processed \(books.processed)  accepted \(books.accepted)", width, most: 1)
        return head + alertLines(width, room: Self.mostLines - head.count - rest.count) + rest
    }

    private var words: String {
        switch state {
        case .paused: "PAUSED: \(situation.control.pauses.map(\.rawValue).sorted().joined(separator: ", "))"
        case .held: health?.plagueStatus.map { "HELD: the upstream answers \($0) to everything" } ?? "HELD: the upstream asked to wait"
        case .breakerOpen: "BREAKER OPEN: the upstream is not asked for now"
        case .diskFull: "NOTHING MOVES: the disk is full"
        case .notDelivered: "NOBODY DELIVERS"
        case .waiting: "waiting: nothing may be sent now"
        case .idle: "idle: nothing waits"
        case .delivering: "delivering"
        }
    }

    private var reasons: String {
        let counts = Explanation.Reason.allCases.compactMap { reason in queue.reasons[reason].map { "\(reason.rawValue) \($0)" } }
        return (["claimable \(queue.claimable)"] + counts).joined(separator: "  ")
    }

    private var holder: String {
        guard let lock = situation.lock else { return "free: nobody delivers" }
        let silent = isDelivered ? "" : ", SILENT"
        return "\(lock.fence.owner)  epoch \(lock.fence.epoch)  heartbeat \(age(lock.heartbeatAt)) ago\(silent)"
    }

    private var success: String {
        guard let (percent, isLately) = successRate else { return "nothing was settled yet" }
        return Alert.short(percent) + (isLately ? " % of late" : " % of all that was settled")
    }

    /// One for each that is raised, as far as there is room.
    private func alertLines(_ width: Int, room: Int) -> [String] {
        guard let alerts else { return [] }
        var lines: [String] = []
        for (index, alert) in raised.enumerated() {
            let more = entry("alert:", alert.line, width, most: 2, indent: 7)
            // The last line is kept for how many more there are.
            guard lines.count + more.count < room else {
                lines += entry("", "and \(raised.count - index) more: guardian metrics", width, most: 1)
                return lines
            }
            lines += more
        }
        if areAlertsStale, lines.count < room {
            lines += entry("alerts", "evaluated last at \(alerts.at); nobody has since", width, most: 1)
        }
        return lines
    }

    private func age(_ time: Timestamp) -> String {
        let seconds = max(0, now.milliseconds - time.milliseconds) / 1000
        return switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3600: "\(seconds / 60) min"
        case ..<86_400: "\(seconds / 3600) h \(seconds / 60 % 60) min"
        default: "\(seconds / 86_400) d"
        }
    }

    /// A name and its text, wrapped between words; cut with `…` after `most` lines.
    private func entry(_ name: String, _ text: String, _ width: Int, most: Int, indent: Int = 9) -> [String] {
        let room = width - indent
        var rows: [String] = []
        var row = ""
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            let isFirst = row.isEmpty
            if isFirst || row.count + 1 + word.count <= room {
                row += (isFirst ? "" : " ") + word
            } else {
                rows.append(row)
                row = String(word)
            }
            // A word that is wider than all of the room.
            while row.count > room {
                rows.append(String(row.prefix(room)))
                row = String(row.dropFirst(room))
            }
        }
        rows.append(row)
        if rows.count > most {
            rows = Array(rows.prefix(most))
            rows[most - 1] = String(rows[most - 1].prefix(room - 1)) + "…"
        }
        let title = name + String(repeating: " ", count: max(0, indent - name.count))
        return rows.enumerated().map { ($0 == 0 ? title : String(repeating: " ", count: indent)) + $1 }
    }
}
