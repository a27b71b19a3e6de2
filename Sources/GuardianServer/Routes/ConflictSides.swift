import GuardianCore

/// The three sides of a conflict, field by field.
///
/// A form names a field by its place among ``fields``: a name may be as personal as a value, and shows redacted only.
struct ConflictSides {
    /// Fields that are shown at most; the others go as they are chosen beforehand.
    static let most = 500

    /// One field, as each side has it; nil where it lacks it.
    struct Field {
        let name: String
        let base: JSONValue?
        let local: JSONValue?
        let server: JSONValue?
        /// Whether there is anything to choose: both sides are known and differ here, and it is no system field.
        let isChoice: Bool

        /// Whether the server's is chosen beforehand: where the server alone has changed it.
        var isServers: Bool { Self.same(base, local) }
        /// Whether each side has changed it in its own way.
        var isBoth: Bool { isChoice && !Self.same(base, local) && !Self.same(base, server) }

        static func same(_ one: JSONValue?, _ other: JSONValue?) -> Bool {
            guard let one, let other else { return one == nil && other == nil }
            return one.means(other)
        }
    }

    /// Whether both sides are known, so that there is something to choose from.
    let isKnown: Bool
    /// The fields of all sides, ours first: as long as the operation stays as it is, each keeps its place.
    let fields: [Field]
    private let local: JSONValue?

    init(_ operation: Operation) {
        let (base, local, server) = (Self.json(operation.base), Self.json(operation.payload), Self.json(operation.server?.state))
        let isKnown = local?.members != nil && server?.members != nil
        let (bases, locals, servers) = (Self.table(base), Self.table(local), Self.table(server))
        var (fields, seen): ([Field], Set<String>) = ([], [])
        for side in [local, server, base] {
            for member in side?.members ?? [] where seen.insert(member.name).inserted {
                let name = member.name
                let differs = !Field.same(locals[name], servers[name])
                fields.append(
                    Field(
                        name: name, base: bases[name], local: locals[name], server: servers[name],
                        isChoice: isKnown && differs && !SystemFields.standard.names.contains(name)))
            }
        }
        self.isKnown = isKnown
        self.fields = fields
        self.local = local
    }

    /// Ours, with the server's value in each field where it is chosen: by `choices`, which says for a place whether it is, else beforehand.
    /// nil where one of the sides is not known.
    func merged(_ choices: [Int: Bool]) -> String? {
        guard isKnown, let members = local?.members else { return nil }
        var (taken, added): (Set<String>, [JSONValue.Member]) = ([], [])
        for (place, field) in fields.enumerated() where field.isChoice && (choices[place] ?? field.isServers) {
            taken.insert(field.name)
            if let value = field.server { added.append(JSONValue.Member(field.name, value)) }
        }
        return JSONValue.object(members.filter { !taken.contains($0.name) } + added).text
    }

    private static func table(_ side: JSONValue?) -> [String: JSONValue] {
        Dictionary((side?.members ?? []).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    private static func json(_ text: String?) -> JSONValue? {
        guard let text else { return nil }
        do throws(JSONScanner.Defect) { return try JSONValue(parsing: text) } catch { return nil }
    }
}
