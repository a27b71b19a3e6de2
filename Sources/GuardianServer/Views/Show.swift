import GuardianCore

/// How values look on pages.
enum Show {
    /// Thousands apart: `1 234 567`.
    static func number(_ value: Int64) -> String {
        let digits = String(value.magnitude)
        var out = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { out += "\u{202F}" }
            out.append(digit)
        }
        return value < 0 ? "−" + out : out
    }

    static func number(_ value: Int) -> String { number(Int64(value)) }

    /// Two digits that matter: `0.4`, `12`, `340`.
    static func rate(_ value: Double) -> String {
        value >= 10 || value == value.rounded()
            ? number(Int64(value.rounded())) : String(Int((value * 10).rounded()) / 10) + "." + String(Int((value * 10).rounded()) % 10)
    }

    /// A sentence, and the commands that stand in it between backticks, in their order.
    static func words(_ text: String) -> [[String: String]] {
        let parts = text.split(separator: "`", omittingEmptySubsequences: false)
        guard !parts.count.isMultiple(of: 2) else { return [["said": text]] }
        return parts.enumerated().filter { !$0.element.isEmpty }.map {
            [$0.offset.isMultiple(of: 2) ? "said" : "command": String($0.element)]
        }
    }

    /// `99.9 %`; 100 only where nothing is missing.
    static func percent(_ share: Double?) -> String {
        guard let share else { return "–" }
        // 29 of 100 is no less than 29 %.
        let tenths = Int((share * 1000 + 1e-9).rounded(.down))
        return tenths % 10 == 0 ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
    }

    /// `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
    static func duration(_ milliseconds: Int64) -> String {
        let seconds = milliseconds / 1000
        switch seconds {
        case ..<1: return "\(max(0, milliseconds)) ms"
        case ..<10: return "\(seconds).\(milliseconds % 1000 / 100) s"
        case ..<60: return "\(seconds) s"
        case ..<3600: return seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds / 60) min \(seconds % 60) s"
        case ..<86_400: return seconds / 60 % 60 == 0 ? "\(seconds / 3600) h" : "\(seconds / 3600) h \(seconds / 60 % 60) min"
        default: return seconds / 3600 % 24 == 0 ? "\(seconds / 86_400) d" : "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
        }
    }

    /// For the template `time`: UTC, which the script turns into the viewer's zone.
    static func time(_ time: Timestamp) -> [String: Any] {
        let iso = time.rfc3339
        return ["iso": iso, "text": iso.prefix(10) + " " + iso.dropFirst(11).prefix(8)]
    }

    static func time(_ time: Timestamp?) -> Any? { time.map { Self.time($0) as [String: Any] } }

    /// JSON with a line for each member, `longest` bytes at most.
    static func json(_ value: JSONValue, longest: Int = 64 << 10) -> String {
        var out = ""
        write(value, 0, longest, &out)
        return out.utf8.count > longest ? String(out.prefix(longest)) + "\n… cut" : out
    }

    private static func write(_ value: JSONValue, _ depth: Int, _ longest: Int, _ out: inout String) {
        guard out.utf8.count <= longest else { return }
        let indent = String(repeating: "  ", count: depth + 1)
        switch value {
        case .object(let members) where !members.isEmpty:
            out += "{\n"
            for (index, member) in members.enumerated() {
                out += indent + JSONValue.string(member.name).text + ": "
                write(member.value, depth + 1, longest, &out)
                out += index < members.count - 1 ? ",\n" : "\n"
            }
            out += indent.dropLast(2) + "}"
        case .array(let elements) where !elements.isEmpty:
            out += "[\n"
            for (index, element) in elements.enumerated() {
                out += indent
                write(element, depth + 1, longest, &out)
                out += index < elements.count - 1 ? ",\n" : "\n"
            }
            out += indent.dropLast(2) + "]"
        default: out += value.text
        }
    }
}
