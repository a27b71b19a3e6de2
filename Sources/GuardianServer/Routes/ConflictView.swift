import GuardianCore

extension ConsolePages {
    /// Both sides of a conflict by field, with what the entity was.
    func conflict(_ operation: Operation) -> [String: Any] {
        let sides = ConflictSides(operation)
        let fields = sides.fields.prefix(ConflictSides.most).enumerated().map { place, field -> [String: Any] in
            [
                "name": redact(field.name), "place": "\(place)", "base": cell(field.name, field.base),
                "local": cell(field.name, field.local), "server": cell(field.name, field.server), "isChoice": field.isChoice,
                "isServers": field.isServers, "tone": field.isBoth ? "both" : "",
            ]
        }
        let text: String
        if operation.server?.isGone == true {
            text = "The entity is gone at the server. Ours would make it anew."
        } else if operation.server?.state == nil {
            text = "What the server has is not known."
        } else {
            text =
                "Somebody else has changed the entity meanwhile. Choose for each field that differs: what one side alone has changed is "
                + "chosen beforehand, and system fields are always the server's."
        }
        return ["hasConflict": true, "conflictText": text, "fields": fields, "updated": operation.updatedAt.rfc3339]
    }

    /// The payload that the choices of a form make.
    static func merged(_ operation: Operation, _ form: FormFields) -> String? {
        var choices: [Int: Bool] = [:]
        for field in form.pairs where field.name.hasPrefix("field:") {
            if let place = Int(field.name.dropFirst(6)) { choices[place] = field.value == "server" }
        }
        return ConflictSides(operation).merged(choices)
    }

    /// A value as it may be shown: its name says too whether it is secret.
    private func cell(_ name: String, _ value: JSONValue?) -> String {
        guard let value, let shown = redact(.object([JSONValue.Member(name, value)])).members?.first?.value else { return "absent" }
        let text = shown.text
        return text.count > 400 ? text.prefix(400) + "…" : text
    }
}
