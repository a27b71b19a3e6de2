import GuardianCore

extension ConsolePages {
    /// What a table says of an operation.
    func row(_ operation: Operation) -> [String: Any] {
        var row: [String: Any] = [
            "status": operation.status.name, "href": Self.path(of: operation.id), "type": redact(operation.type),
            "shortID": Self.short(operation.id), "id": operation.id.description, "entityType": redact(operation.entity.type),
            "entityID": redact(operation.entity.id), "attempts": "\(operation.tries)", "enqueued": Show.time(operation.enqueuedAt),
        ]
        if let error = operation.lastError { row["error"] = self.error(error, longest: 140) }
        if operation.status == .pending, let due = operation.nextRetryAt { row["retryAt"] = due.rfc3339 }
        return row
    }

    func error(_ error: LastError, longest: Int = 1000) -> [String: Any] {
        let message = redact(error.message)
        var data: [String: Any] = [
            "class": error.class.rawValue, "code": redact(error.code),
            "message": message.count > longest ? message.prefix(longest) + "…" : message[...],
        ]
        if let status = error.httpStatus { data["http"] = "\(status)" }
        return data
    }

    static func path(of id: OperationID) -> String { "/admin/operations/" + URLText.encoded(id.description) }

    /// Enough of an id to tell it from its neighbours: the end, for the beginnings of ids that rise are alike.
    static func short(_ id: OperationID) -> String {
        let text = id.description
        return text.count > 14 ? "…" + text.suffix(12) : text
    }

    /// JSON text of a payload as it may be shown.
    func shown(_ text: String?) -> String? {
        guard let text else { return nil }
        do throws(JSONScanner.Defect) { return Show.json(redact(try JSONValue(parsing: text))) } catch { return redact(text) }
    }
}
