import GuardianCore

/// `references: { room_id: room }`: members of the payload that hold ids of other entities.
extension RouteEntry {
    func references() throws -> [String: String] {
        guard let value = entry["references"] else { return [:] }
        guard let map = value as? [String: String] else { throw wrong("references", "must be a map from a field to an entity type") }
        guard entity != "*" else { throw wrong("references", "needs a route of one entity type") }
        return map
    }
}
