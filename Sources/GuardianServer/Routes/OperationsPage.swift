import GuardianCore
import Hummingbird

extension ConsolePages {
    /// The filters of a visit's URL, newest first unless it says otherwise, with where the search box really leads.
    func search(_ visit: Visit) throws -> OperationSearch {
        let pairs = visit.fields.pairs.map { (key: Substring($0.name), value: Substring($0.value)) }
        var search = try SearchQuery(pairs, ignoresEmpty: true).search
        if visit.query("order") == nil { search.isNewestFirst = true }
        if visit.query("limit") == nil { search.limit = 50 }
        search.includesPayload = false
        return search
    }

    /// The search box knows an id, a trace and an entity at sight: where it leads then.
    private func shortcut(_ visit: Visit) async throws -> String? {
        guard let text = visit.query("q")?.trimmingWhitespace(), !text.isEmpty else { return nil }
        if let id = OperationID(text), try await ask({ () async throws(StoreError) in try await store.operation(id) }) != nil {
            return Self.path(of: id)
        }
        if UniqueID(text) != nil {
            var search = OperationSearch(limit: 1)
            search.includesPayload = false
            search.traceID = UniqueID(text)
            if try await !ask({ () async throws(StoreError) in try await store.search(search) }).operations.isEmpty {
                return "/admin/operations?trace_id=" + text
            }
        }
        guard let slash = text.firstIndex(of: "/") else { return nil }
        let entity = EntityKey(type: String(text[..<slash]), id: String(text[text.index(after: slash)...]))
        let found = try await ask { () async throws(StoreError) in try await store.operations(of: entity, limit: 1) }
        return found.first.map { "/admin/operations" + URLText.query([("entity_type", $0.entity.type), ("entity_id", $0.entity.id)]) }
    }

    func operations(_ visit: Visit) async throws -> Response {
        if let target = try await shortcut(visit) { return .redirect(to: target, type: .normal) }
        let search = try search(visit)
        let page = try await ask { () async throws(StoreError) in try await store.search(search) }
        var data = filters(visit, search)
        let isPartial = page.next != nil && page.operations.count < search.limit
        data["hasRows"] = !page.operations.isEmpty
        data["rows"] = page.operations.map { row($0) }
        data["emptyText"] = isPartial ? "Nothing in the part that was searched so far." : "Nothing fits these filters."
        data["isPartial"] = isPartial
        if let next = page.next { data["next"] = Self.url(visit, cursor: SearchQuery.text(ofCursor: next)) }
        if search.cursor != nil { data["first"] = Self.url(visit, cursor: nil) }
        return try await html(Page(title: "Operations", section: "Operations", template: "operations", data: data), visit)
    }

    private func filters(_ visit: Visit, _ search: OperationSearch) -> [String: Any] {
        func choices(_ names: [String], _ current: String?) -> [[String: Any]] { names.map { ["name": $0, "isCurrent": $0 == current] } }
        var data: [String: Any] = [
            "q": search.text ?? "", "operationType": search.operationType ?? "", "entityType": search.entityType ?? "",
            "entityID": search.entityID ?? "", "trace": search.traceID?.description ?? "", "since": search.since?.rfc3339 ?? "",
            "until": search.until?.rfc3339 ?? "", "isNewestFirst": search.isNewestFirst,
            "statuses": choices(Operation.Status.allCases.map(\.name), search.status?.name),
            "classes": choices(ErrorClass.allCases.map(\.rawValue), search.errorClass?.rawValue),
            "bulkRetry": "/admin/bulk" + Self.query(visit, and: [("kind", "retry")]),
            "bulkCancel": "/admin/bulk" + Self.query(visit, and: [("kind", "cancel")]),
        ]
        if let shape = search.shape { data["cause"] = SearchQuery.text(ofCause: shape) }
        return data
    }

    /// The filters of a URL, without the page.
    static func query(_ visit: Visit, and more: [(String, String?)] = []) -> String {
        let kept = SearchQuery.names.filter { $0 == "order" || !SearchQuery.places.contains($0) }.map { ($0, visit.query($0)) }
        return URLText.query(kept + more)
    }

    private static func url(_ visit: Visit, cursor: String?) -> String {
        "/admin/operations" + query(visit, and: [("limit", visit.query("limit")), ("cursor", cursor)])
    }
}

extension String {
    fileprivate func trimmingWhitespace() -> String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
