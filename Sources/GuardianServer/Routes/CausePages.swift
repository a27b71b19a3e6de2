import GuardianCore
import Hummingbird

extension ConsolePages {
    func failures() async throws -> Page {
        let groups = try await ask { () async throws(StoreError) in try await console.groups.groups(store, console.clock) }
        let data: [String: Any] = ["groups": groups.map { group($0) }]
        return Page(title: "Failures", section: "Failures", template: "failures", data: data, fragments: [("groups", "groups")])
    }

    private func group(_ group: FailureGroup) -> [String: Any] {
        let cause = SearchQuery.text(ofCause: group.shape.id)
        var data: [String: Any] = [
            "class": group.shape.class.rawValue, "code": redact(group.shape.code), "message": redact(group.shape.message),
            "count": Show.number(group.count), "step": Self.nextStep(group.shape), "firstAt": Show.time(group.first.enqueuedAt),
            "lastAt": Show.time(group.last.enqueuedAt), "firstFailedAt": Show.time(group.first.updatedAt),
            "lastFailedAt": Show.time(group.last.updatedAt), "firstHref": Self.path(of: group.first.id),
            "lastHref": Self.path(of: group.last.id), "firstTrace": group.first.traceID.description,
            "lastTrace": group.last.traceID.description,
            "listHref": "/admin/operations?cause=" + cause, "retryHref": "/admin/bulk?kind=retry&cause=" + cause,
            "cancelHref": "/admin/bulk?kind=cancel&cause=" + cause,
        ]
        if let status = group.shape.httpStatus { data["http"] = "\(status)" }
        return data
    }

    /// What to do about a cause.
    static func nextStep(_ shape: FailureShape) -> String {
        switch (shape.class, shape.httpStatus) {
        case (.conflict, _): "Open one, choose for each field, and send it. A route with `conflict: merge` settles such by itself."
        case (.permanent, 401?), (.permanent, 403?): "Check the rights of the account that delivers, then retry the group."
        case (.permanent, 404?), (.permanent, 405?):
            "Check the route of this entity and whether the upstream still has it, then retry or cancel."
        case (.permanent, 413?): "The payload is too large for the upstream: raise its limit and retry, or cancel."
        case (.permanent, _): "The upstream refuses the content. Mend the app or the upstream, then retry; cancel what can't be mended."
        case (.exhausted, _): "Others succeed while these fail. Look at one with the upstream's owners by its trace, then retry."
        case (.crashSuspect, _): "A process died three times with it in hand. Look at the payload before you retry one alone."
        case (.dependency, _): "What it depends on was rolled back. Mend that first, or cancel."
        case (.inDoubt, _): "Its effect may stand already. Look at the entity upstream, then retry or cancel."
        case (.upgrade, _): "Bring the app up to date, then retry."
        default: "Look at one by its trace, mend the cause, then retry the group."
        }
    }

    func blocked(_ visit: Visit) async throws -> Page {
        let limit = 50
        let place = try visit.query("cursor").map { try Self.place($0) }
        let keys = try await ask { () async throws(StoreError) in try await store.blockedKeys(at: now, after: place, limit: limit) }
        var data: [String: Any] = ["hasKeys": !keys.isEmpty, "keys": keys.map { blockedKey($0) }, "isPartial": false]
        if keys.count == limit, let last = keys.last?.place {
            data["next"] = "/admin/blocked?cursor=\(last.priority)_\(last.due)_\(last.seq)"
        }
        if place != nil { data["first"] = "/admin/blocked" }
        return Page(title: "Blocked keys", section: "Blocked keys", template: "blocked", data: data)
    }

    private static func place(_ cursor: String) throws -> BlockedKey.Place {
        let parts = cursor.split(separator: "_").compactMap { Int64($0) }
        guard parts.count == 3, let priority = Int(exactly: parts[0]) else {
            throw Problem(SyncError.validation(field: "cursor", constraint: "must be the cursor of an earlier page"))
        }
        return .init(priority: priority, due: parts[1], seq: parts[2])
    }

    private func blockedKey(_ key: BlockedKey) -> [String: Any] {
        var data = row(key.head)
        data["key"] = redact(key.head.orderingKey)
        data["reason"] = key.reason.rawValue
        data["behind"] = key.behind >= BlockedKey.mostCounted ? "\(BlockedKey.mostCounted)+" : "\(key.behind)"
        switch key.reason {
        case .backoff:
            data["text"] = key.head.lastError.map { "\($0.class.rawValue): \(redact($0.code))" } ?? "its last attempt failed"
            data["until"] = key.head.nextRetryAt?.rfc3339
        case .notBefore:
            data["text"] = "not to be sent before"
            data["until"] = key.head.notBefore?.rfc3339
        case .principal: data["text"] = "its user is not signed in"
        case .awaiting: data["text"] = "an entity that it points to is not made yet"
        }
        return data
    }
}
