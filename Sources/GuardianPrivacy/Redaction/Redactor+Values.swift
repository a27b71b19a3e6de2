import GuardianCore

extension Redactor {
    func redact(_ value: JSONValue, hint: NumberContext) -> JSONValue {
        switch value {
        case .null, .bool: return value
        case .number(let text):
            // Most numbers are too short to be anybody's.
            guard text.utf8.count >= 7 else { return value }
            return redacted(text, hint).map(JSONValue.string) ?? value
        case .string(let text): return redacted(text, hint).map(JSONValue.string) ?? value
        case .array(let elements): return .array(elements.map { redact($0, hint: hint) })
        case .object(let members):
            return .object(
                members.map { member in
                    var name = member.name
                    let (verdict, own) = name.withUTF8 { (rules.names.verdict($0), NumberContext.of(name: $0)) }
                    let value: JSONValue
                    switch (verdict, member.value) {
                    case (.harmless, let kept): value = redact(kept, hint: own == .none ? hint : own)
                    case (.counted, .number), (.weak, .number), (.weak, .bool), (.weak, .null): value = member.value
                    default: value = .string("[REDACTED]")
                    }
                    return JSONValue.Member(redacted(name, .none) ?? member.name, value)
                })
        }
    }

    /// nil when there is nothing to take out.
    private func redacted(_ text: String, _ hint: NumberContext) -> String? {
        var text = text
        return text.withUTF8 { scan($0, hint: hint) }.map { String(decoding: $0, as: UTF8.self) }
    }
}
