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
            var isLabelled = false
            return .object(
                members.map { member in
                    let redacted = redact(member, hint: hint, isLabelled)
                    isLabelled = isLabelled || announces(member)
                    return redacted
                })
        }
    }

    /// `isLabelled`: a ``Label`` before it says that the value is secret, if it is the one called `value`.
    private func redact(_ member: JSONValue.Member, hint: NumberContext, _ isLabelled: Bool) -> JSONValue.Member {
        var name = member.name
        let (found, own, shown) = name.withUTF8 { named($0) }
        let isValue = name.withUTF8 { Label.isValue($0) }
        let isHeld = isLabelled && isValue || holdsLogin(member)
        let verdict = found == .harmless && isHeld ? SensitiveNames.Verdict.secret : found
        let value: JSONValue
        switch (verdict, member.value) {
        case (.harmless, let kept): value = redact(kept, hint: own == .none ? hint : own)
        case (.counted, .number), (.weak, .number), (.weak, .bool), (.weak, .null): value = member.value
        case (.counted, .string(let text)) where RedactionMark.isWhole(text), (.weak, .string(let text)) where RedactionMark.isWhole(text):
            value = member.value
        default: value = .string("[REDACTED]")
        }
        return JSONValue.Member(shown.map { String(decoding: $0, as: UTF8.self) } ?? member.name, value)
    }

    private func announces(_ member: JSONValue.Member) -> Bool {
        guard case .string(var text) = member.value else { return false }
        var name = member.name
        guard name.withUTF8({ Label.announces($0) }) else { return false }
        return text.withUTF8 { Label.verdict($0, rules.names) != .harmless }
    }

    private func holdsLogin(_ member: JSONValue.Member) -> Bool {
        guard case .string(var text) = member.value else { return false }
        var name = member.name
        guard name.withUTF8({ StoredLogin.isName($0) }) else { return false }
        return text.withUTF8 { StoredLogin.isWhole($0) }
    }

    /// What the name of a member says of its value, and how it may be shown; nil when as it is. Marks in it say nothing.
    func named(_ name: UnsafeBufferPointer<UInt8>) -> (verdict: SensitiveNames.Verdict, hint: NumberContext, shown: [UInt8]?) {
        let shown = scan(name, hint: .none)
        let bare = shown.map { $0.withUnsafeBufferPointer(RedactionMark.blanked) } ?? RedactionMark.blanked(in: name)
        guard let bare else { return (rules.names.verdict(name), NumberContext.of(name: name), nil) }
        return bare.withUnsafeBufferPointer { bare in
            // What is left of it decides, as it will again; what was taken out of it may say more.
            var verdict = rules.names.verdict(bare)
            if shown != nil, verdict == .harmless || verdict == .counted || verdict == .weak {
                let blanked = RedactionMark.blanked(in: name)
                let whole = blanked.map { $0.withUnsafeBufferPointer(rules.names.verdict) } ?? rules.names.verdict(name)
                if verdict == .harmless || whole != .harmless && whole != .counted && whole != .weak { verdict = whole }
            }
            return (verdict, NumberContext.of(name: bare), shown)
        }
    }

    /// nil when there is nothing to take out.
    private func redacted(_ text: String, _ hint: NumberContext) -> String? {
        var text = text
        return text.withUTF8 { scan($0, hint: hint) }.map { String(decoding: $0, as: UTF8.self) }
    }
}
