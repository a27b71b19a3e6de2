import GuardianCore

/// The three sides of a conflict, field by field.
///
/// A form names a field by its place among ``names``: a name may be as personal as a value, and shows redacted only.
struct ConflictSides {
    /// Fields that are shown at most; of the others ours stand.
    static let most = 500

    let base: JSONValue?
    let local: JSONValue?
    let server: JSONValue?
    /// The fields of all sides, ours first: as long as the operation stays as it is, each keeps its place.
    let names: [String]

    init(_ operation: Operation) {
        (base, local, server) = (Self.json(operation.base), Self.json(operation.payload), Self.json(operation.server?.state))
        var (names, seen): ([String], Set<String>) = ([], [])
        for side in [local, server, base] {
            for member in side?.members ?? [] where names.count < Self.most {
                if seen.insert(member.name).inserted { names.append(member.name) }
            }
        }
        self.names = names
    }

    /// The fields of one side that are shown, by their names.
    func fields(_ side: JSONValue?) -> [String: JSONValue] {
        let shown = Set(names)
        let members = (side?.members ?? []).filter { shown.contains($0.name) }
        return Dictionary(members.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// Ours, with the server's value in each field at these places.
    func merged(takingServers places: Set<Int>) -> String? {
        guard let members = local?.members, server != nil else { return nil }
        let chosen = names.indices.filter { places.contains($0) }.map { names[$0] }
        let (taken, theirs) = (Set(chosen), fields(server))
        let kept = members.filter { !taken.contains($0.name) }
        let added = chosen.compactMap { name in theirs[name].map { JSONValue.Member(name, $0) } }
        return JSONValue.object(kept + added).text
    }

    private static func json(_ text: String?) -> JSONValue? {
        guard let text else { return nil }
        do throws(JSONScanner.Defect) { return try JSONValue(parsing: text) } catch { return nil }
    }
}
