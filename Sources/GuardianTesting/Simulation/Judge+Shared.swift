import GuardianCore

/// Entities that others write too: what is known of them never goes back, an own edit never vanishes from the user's sight, and no edit is
/// lost.
extension Judge {
    struct Shared {
        /// Versions of each entity at the upstream by their content.
        var versions: [EntityKey: [[String: JSONValue]: Int]] = [:]
        /// The version that was known last.
        var known: [EntityKey: Int] = [:]
        /// The user's own last edit of each field, and everybody else's.
        var own: [EntityKey: [String: JSONValue]] = [:]
        var theirs: [EntityKey: [String: JSONValue]] = [:]
        /// An operation was given up, cancelled or has expired: what is left of the edits is not foreseen.
        var spoiled: Set<EntityKey> = []
    }

    mutating func written(_ entity: EntityKey, _ fields: [String: JSONValue], version: Int) {
        shared?.versions[entity, default: [:]][fields] = version
    }

    /// An operation has failed or left without an effect, if only for now.
    mutating func spoiled(_ index: Int) { shared?.spoiled.insert(records[index].operation.entity) }

    /// What the store knows of an entity, at any time.
    mutating func compareShared(_ view: EntityView, of entity: EntityKey) {
        guard var now = shared else { return }
        guard let state = Self.members(view.server?.state), let version = now.versions[entity]?[state] else {
            return violated("\(entity.orderingKey) is known as \(view.server?.state ?? "nothing"), which it never was")
        }
        if version < now.known[entity, default: 0] {
            violated("\(entity.orderingKey) went back from version \(now.known[entity, default: 0]) to \(version)")
        }
        now.known[entity] = version
        shared = now
        guard shared?.spoiled.contains(entity) == false else { return }
        let shown = Self.members(view.overlay.state?.text) ?? [:]
        for (field, value) in now.own[entity, default: [:]] where shown[field] != value {
            violated("the user's edit of \(field) of \(entity.orderingKey) shows as \(shown[field]?.text ?? "nothing"), not \(value.text)")
        }
    }

    /// When all is delivered and told.
    mutating func judgeSharedAtTheEnd(_ view: EntityView, of entity: EntityKey, there: [String: JSONValue], etag: String) {
        guard let shared else { return }
        if Self.members(view.server?.state) != there || view.server?.etag != etag {
            violated(
                "\(entity.orderingKey) is \(there) at the upstream (\(etag)), and known as \(view.server.map { "\($0)" } ?? "nothing")")
        }
        guard !shared.spoiled.contains(entity) else { return }
        for (who, fields) in [("the user's", shared.own[entity, default: [:]]), ("another's", shared.theirs[entity, default: [:]])] {
            for (field, value) in fields where there[field] != value {
                violated("\(who) edit of \(field) of \(entity.orderingKey) is lost: \(there[field]?.text ?? "nothing"), not \(value.text)")
            }
        }
    }
}
