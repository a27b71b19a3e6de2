import GuardianCore

extension ConsolePages {
    /// Both sides of a conflict by field, with what the entity was.
    func conflict(_ operation: Operation) -> [String: Any] {
        let sides = ConflictSides(operation)
        let (base, local, server) = (sides.fields(sides.base), sides.fields(sides.local), sides.fields(sides.server))
        let (shownBase, shownLocal, shownServer) = (shown(base), shown(local), shown(server))
        let fields = sides.names.enumerated().map { place, name -> [String: Any] in
            let isSystem = SystemFields.standard.names.contains(name)
            let isChoice = local[name] != server[name] && !isSystem && sides.server != nil
            let isBoth = isChoice && base[name] != local[name] && base[name] != server[name]
            return [
                "name": redact(name), "place": "\(place)", "base": Self.cell(shownBase[name]), "local": Self.cell(shownLocal[name]),
                "server": Self.cell(shownServer[name]), "isChoice": isChoice, "tone": isBoth ? "both" : "",
            ]
        }
        let text: String
        if operation.server?.isGone == true {
            text = "The entity is gone at the server. Ours would make it anew."
        } else if sides.server == nil {
            text = "What the server has is not known."
        } else {
            text =
                "Somebody else has changed the entity meanwhile. Choose for each field that differs; system fields are always the server's."
        }
        return ["hasConflict": true, "conflictText": text, "fields": fields, "updated": operation.updatedAt.rfc3339]
    }

    /// Each field as it may be shown, by its real name, which says whether its value is secret.
    private func shown(_ fields: [String: JSONValue]) -> [String: JSONValue] {
        fields.reduce(into: [:]) { shown, field in
            shown[field.key] = redact(.object([.init(field.key, field.value)])).members?.first?.value
        }
    }

    /// The payload that the choices of a form make: ours, with the server's value in each field where it was chosen.
    static func merged(_ operation: Operation, _ form: FormFields) -> String? {
        let chosen = form.pairs.filter { $0.name.hasPrefix("field:") && $0.value == "server" }
        return ConflictSides(operation).merged(takingServers: Set(chosen.compactMap { Int($0.name.dropFirst(6)) }))
    }

    private static func cell(_ value: JSONValue?) -> String {
        guard let value else { return "absent" }
        let text = value.text
        return text.count > 400 ? text.prefix(400) + "…" : text
    }
}
