import GuardianCore

extension ConsolePages {
    /// Both sides of a conflict by field, with what the entity was.
    func conflict(_ operation: Operation) -> [String: Any] {
        let (base, local, server) = (Self.json(operation.base), Self.json(operation.payload), Self.json(operation.server?.state))
        var names: [String] = []
        for side in [local, server, base] {
            for member in side?.members ?? [] where !names.contains(member.name) { names.append(member.name) }
        }
        // Redacted as wholes: what is sensitive shows by its name.
        let (shownBase, shownLocal, shownServer) = (base.map { redact($0) }, local.map { redact($0) }, server.map { redact($0) })
        let fields = names.prefix(500).map { name -> [String: Any] in
            let isSystem = SystemFields.standard.names.contains(name)
            let differs = local?[name] != server?[name]
            let isChoice = differs && !isSystem && server != nil
            let isBoth = isChoice && base?[name] != local?[name] && base?[name] != server?[name]
            return [
                "name": redact(name), "rawName": name, "base": Self.cell(shownBase?[name]), "local": Self.cell(shownLocal?[name]),
                "server": Self.cell(shownServer?[name]), "isChoice": isChoice, "tone": isBoth ? "both" : "",
            ]
        }
        let text: String
        if operation.server?.isGone == true {
            text = "The entity is gone at the server. Ours would make it anew."
        } else if server == nil {
            text = "What the server has is not known."
        } else {
            text =
                "Somebody else has changed the entity meanwhile. Choose for each field that differs; system fields are always the server's."
        }
        return ["hasConflict": true, "conflictText": text, "fields": Array(fields), "updated": operation.updatedAt.rfc3339]
    }

    /// The payload that the choices of a form make: ours, with the server's value in each field where it was chosen.
    static func merged(_ operation: Operation, _ form: FormFields) -> String? {
        guard let local = json(operation.payload), var members = local.members, let server = json(operation.server?.state) else {
            return nil
        }
        for (name, value) in form.pairs where name.hasPrefix("field:") && value == "server" {
            let field = String(name.dropFirst(6))
            members.removeAll { $0.name == field }
            if let theirs = server[field] { members.append(.init(field, theirs)) }
        }
        return JSONValue.object(members).text
    }

    private static func json(_ text: String?) -> JSONValue? {
        guard let text else { return nil }
        do throws(JSONScanner.Defect) { return try JSONValue(parsing: text) } catch { return nil }
    }

    private static func cell(_ value: JSONValue?) -> String {
        guard let value else { return "absent" }
        let text = value.text
        return text.count > 400 ? text.prefix(400) + "…" : text
    }
}
