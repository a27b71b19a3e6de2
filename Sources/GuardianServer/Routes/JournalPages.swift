import GuardianCore
import Hummingbird

extension ConsolePages {
    func logQuery(_ visit: Visit) throws -> ConsoleLogQuery {
        var query = ConsoleLogQuery()
        query.text = visit.query("q").map { String($0.prefix(SearchQuery.longestText)) }
        if let level = visit.query("level") {
            guard ConsoleLogQuery.levels.contains(level) else {
                throw Problem(
                    SyncError.validation(field: "level", constraint: "must be one of \(ConsoleLogQuery.levels.joined(separator: ", "))"))
            }
            query.level = level
        }
        query.traceID = visit.query("trace")
        query.operationType = visit.query("type")
        if let text = visit.query("since") {
            guard let since = Timestamp(rfc3339: text) else {
                throw Problem(SyncError.validation(field: "since", constraint: "must be an RFC 3339 time"))
            }
            query.since = since
        }
        return query
    }

    func logs(_ visit: Visit) async throws -> Page {
        let query = try logQuery(visit)
        let cursor = visit.query("cursor")
        let page: ConsoleLogPage
        do { page = try await console.logs.page(query, after: cursor) } catch is UnknownLogCursor {
            throw Self.unknownCursor
        } catch {
            throw Problem(.serviceUnavailable, "log can't be read", redact("\(error)"))
        }
        let level = query.level ?? "info"
        let kept: [(String, String?)] = [
            ("q", visit.query("q")), ("level", visit.query("level")), ("trace", query.traceID),
            ("type", query.operationType),
        ]
        var data: [String: Any] = [
            "q": query.text ?? "", "trace": query.traceID ?? "", "type": query.operationType ?? "", "since": visit.query("since") ?? "",
            "levels": ConsoleLogQuery.levels.map { ["name": $0, "isCurrent": $0 == level] }, "lines": page.lines.map { Self.line($0) },
            "tailHref": "/admin/logs/live" + URLText.query(kept), "isNewest": cursor == nil, "isPartial": false,
        ]
        let since: [(String, String?)] = [("since", visit.query("since"))]
        let older: [(String, String?)] = [("cursor", page.next)]
        if page.next != nil { data["next"] = "/admin/logs" + URLText.query(kept + since + older) }
        if cursor != nil { data["first"] = "/admin/logs" + URLText.query(kept + since) }
        return Page(title: "Logs", section: "Logs", template: "logs", data: data)
    }

    private static let unknownCursor = Problem(
        SyncError.validation(field: "cursor", constraint: "must be the cursor of an earlier page"))

    static func line(_ line: ConsoleLogLine) -> [String: Any] {
        var data: [String: Any] = [
            "at": Show.time(line.at), "level": line.level, "message": line.message, "fields": String(line.fields.text.prefix(2000)),
        ]
        data["errorClass"] = line.errorClass
        data["lineTrace"] = line.traceID
        return data
    }

    func configuration() -> Page {
        let settings = console.configuration.settings().map { ["key": $0.key, "value": $0.value, "source": $0.source] }
        return Page(title: "Configuration", section: "Configuration", template: "configuration", data: ["settings": settings])
    }

    func auditLog(_ visit: Visit) throws -> Page {
        var place: Int?
        if let text = visit.query("cursor") {
            guard let number = Int(text), number >= 0 else { throw Self.unknownCursor }
            place = number
        }
        let page = console.audit.page(before: place, limit: 200)
        var data: [String: Any] = [
            "hasEntries": !page.entries.isEmpty, "most": Show.number(AuditLog.deeds.most),
            "mostRefused": Show.number(AuditLog.refusals.most), "isPartial": false,
            "entries": page.entries.map { entry -> [String: Any] in
                [
                    "at": Show.time(entry.at), "who": entry.who, "role": entry.role, "address": entry.address, "action": entry.action,
                    "count": entry.count.map { Show.number($0) } ?? "", "detail": entry.detail, "outcome": entry.outcome,
                    "tone": entry.outcome == "done" ? "good" : ["failed", "refused"].contains(entry.outcome) ? "bad" : "",
                ]
            },
        ]
        if let next = page.next { data["next"] = "/admin/audit?cursor=\(next)" }
        if place != nil { data["first"] = "/admin/audit" }
        return Page(title: "Audit log", section: "Audit log", template: "audit", data: data)
    }

    func jobs(_ visit: Visit) -> Page {
        let jobs = console.jobs.all.map { job(job: $0, visit) }
        return Page(title: "Jobs", section: "Jobs", template: "jobs", data: ["jobs": jobs], fragments: [("joblist", "joblist")])
    }

    private func job(job: BulkJob, _ visit: Visit) -> [String: Any] {
        let total = job.total.map { Show.number($0) }
        let whom = total.map { "\($0) operations" } ?? "all that fit"
        var data: [String: Any] = [
            "number": "\(job.number)", "title": (job.kind == .retry ? "Retry " : "Cancel ") + whom,
            "state": job.state.name, "percent": "\(job.percent)", "seen": Show.number(job.seen), "total": total ?? "all that fit",
            "done": Show.number(job.done), "verb": job.kind == .retry ? "put back" : "cancelled", "rate": Show.rate(job.rate),
            "who": job.who,
            "filter": redact(Self.words(of: job.search)), "startedAt": Show.time(job.startedAt), "csrf": visit.session.csrf,
            "canStop": !job.state.isOver && visit.may(.operator),
            "tone": job.state == .done ? "good" : job.state == .running ? "warning" : job.state.name == "failed" ? "bad" : "",
        ]
        var extra = ""
        if job.mayHaveApplied > 0 { extra += ", \(Show.number(job.mayHaveApplied)) of them may have had their effect" }
        if job.inFlight > 0 { extra += ", \(Show.number(job.inFlight)) were on the wire and stay" }
        data["extra"] = extra
        if case .failed(let why) = job.state { data["trouble"] = redact(why) }
        return data
    }

    /// A filter in words.
    static func words(of search: OperationSearch) -> String {
        var words: [String] = []
        if let status = search.status { words.append("status \(status.name)") }
        if let type = search.operationType { words.append("type \(type)") }
        if let type = search.entityType { words.append("entity type \(type)") }
        if let id = search.entityID { words.append("entity \(id)") }
        if let trace = search.traceID { words.append("trace \(trace)") }
        if let since = search.since { words.append("since \(since)") }
        if let until = search.until { words.append("until \(until)") }
        if let error = search.errorClass { words.append("error class \(error.rawValue)") }
        if let shape = search.shape { words.append("cause \(SearchQuery.text(ofCause: shape))") }
        if let text = search.text { words.append("text “\(text)”") }
        if let through = search.through { words.append("numbers up to \(through)") }
        if let asOf = search.asOf { words.append("unchanged since \(asOf.rfc3339)") }
        return words.isEmpty ? "all operations" : words.joined(separator: ", ")
    }
}
