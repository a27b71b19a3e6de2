package import GuardianCore
import GuardianPrivacy

extension LogLine {
    /// One line for people: time, level, message, then the facts that say something. No control characters but those of the colours.
    ///
    /// With `now`, one of another day (in UTC) begins with its date. Whoever looks on while lines are written knows the day.
    package func text(colored: Bool = false, now: Timestamp? = nil) -> String {
        var words = [Self.clock(timestamp, now), mark(colored), message.printableLine.padded(to: 34)]
        if let operationType { words.append(operationType.printableLine) }
        for field in fields where field.value != .null && field.name != "event" {
            words += Self.words(field.name, field.value).map(\.printableLine)
        }
        if let errorClass, !fields.contains(where: { $0.name == "error" }) { words.append("class=\(errorClass)".printableLine) }
        if let traceID = traceID?.printableLine { words.append(colored ? "\u{1B}[2mtrace=\(traceID)\u{1B}[0m" : "trace=\(traceID)") }
        return words.joined(separator: " ")
    }

    private static func clock(_ time: Timestamp, _ now: Timestamp?) -> String {
        let parts = time.rfc3339.dropLast().split(separator: "T")
        let isDated = now.map { !$0.rfc3339.hasPrefix(parts[0]) } ?? false
        return parts.dropFirst(isDated ? 0 : 1).joined(separator: " ")
    }

    private func mark(_ colored: Bool) -> String {
        let word = level.rawValue.uppercased().padded(to: 7)
        guard colored else { return word }
        let color =
            switch level {
            case .debug: "2"
            case .info: "32"
            case .warning: "33"
            case .error: "31"
            case .fatal: "1;31"
            }
        return "\u{1B}[\(color)m\(word)\u{1B}[0m"
    }

    private static func words(_ name: String, _ value: JSONValue) -> [String] {
        switch value {
        case .null: []
        case .object(let members): members.flatMap { words("\(name).\($0.name)", $0.value) }
        case .string(let text): ["\(name)=\(quoted(text))"]
        default: ["\(name)=\(value.text)"]
        }
    }

    /// Between quotes where it would not be read as one word.
    private static func quoted(_ text: String) -> String {
        let isPlain = text.unicodeScalars.allSatisfy { $0.value > 32 && !(127..<160).contains($0.value) && $0 != "\"" && $0 != "=" }
        return isPlain && !text.isEmpty ? text : JSONValue.string(text).text
    }
}

extension String {
    /// At least `width` characters wide.
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
