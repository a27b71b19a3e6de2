import GuardianCore
import Hummingbird

extension ConsolePages {
    func alerts() async -> Page {
        let order: [Alert.State] = [.firing, .pending, .quiet]
        let known = console.configuration.alerts().sorted {
            (order.firstIndex(of: $0.state) ?? 0, $1.severity, $0.name) < (order.firstIndex(of: $1.state) ?? 0, $0.severity, $1.name)
        }
        let books = await console.pulse(engine, store).books
        var cards: [[String: Any]] = []
        for alert in known { cards.append(await card(alert, books)) }
        let data: [String: Any] = ["alerts": cards]
        return Page(title: "Alerts", section: "Alerts", template: "alerts", data: data, fragments: [("alertlist", "alertlist")])
    }

    private func card(_ alert: Alert, _ books: Books) async -> [String: Any] {
        let lists = Self.lists(behind: alert.name).map { ["text": $0.text, "href": $0.href] }
        let tone = alert.state == .quiet ? "good" : alert.state == .pending || alert.severity == .medium ? "warning" : "bad"
        var data: [String: Any] = [
            "name": alert.name, "severity": alert.severity.rawValue, "action": alert.action, "state": alert.state.rawValue,
            "message": "Rule: \(alert.condition). Now: \(alert.value.map { Alert.short($0) } ?? "too little traffic to say").",
            "tone": tone, "lists": lists,
        ]
        if let since = alert.since { data["since"] = Show.time(since) }
        if alert.state != .quiet, let status = Self.status(behind: alert.name) { data["evidence"] = await evidence(status, books) }
        return data
    }

    /// How many operations of a status are stored, and which of them were enqueued first and last.
    private func evidence(_ status: Operation.Status, _ books: Books) async -> [String: Any] {
        let count =
            switch status {
            case .pending: books.pending
            case .processing: books.processing
            case .failed: books.failed
            }
        var data: [String: Any] = ["count": Show.number(count), "status": status.name]
        // The alert is shown all the same; that the store is in trouble stands in the banner.
        do throws(StoreError) {
            let ends = try await console.ends.ends(of: status, store, console.clock)
            data["oldest"] = ends.oldest.map { Self.end($0) }
            data["newest"] = ends.newest.map { Self.end($0) }
        } catch {}
        return data
    }

    private static func end(_ operation: Operation) -> [String: Any] {
        ["at": Show.time(operation.enqueuedAt), "href": path(of: operation.id), "trace": operation.traceID.description]
    }

    /// Which stored operations an alert is about; nil where it is about none.
    private static func status(behind alert: String) -> Operation.Status? {
        switch alert {
        case "failed_rate", "success_rate": .failed
        case "queue_depth": .pending
        case "latency": .processing
        default: nil
        }
    }

    /// Where to look.
    private static func lists(behind alert: String) -> [(text: String, href: String)] {
        switch alert {
        case "failed_rate", "success_rate":
            [("Failures by cause", "/admin/failures"), ("Failed operations", "/admin/operations?status=failed")]
        case "queue_depth": [("Pending operations", "/admin/operations?status=pending"), ("Blocked keys", "/admin/blocked")]
        case "circuit_trips": [("When it opened", "/admin/logs?q=breaker_opened"), ("Blocked keys", "/admin/blocked")]
        case "latency": [("On the wire now", "/admin/operations?status=processing"), ("Latency of an hour", "/admin?span=1h")]
        case "accounting_gap": [("When it was found", "/admin/logs?q=books_unbalanced")]
        default: []
        }
    }
}
