import GuardianCore

/// How lines look where people or collectors read them. Files are always JSON lines, so that they can be searched.
public enum LogFormat: Sendable, Equatable {
    /// One JSON object a line.
    case json
    /// Words for people, with colors on a terminal.
    case text(colored: Bool)

    func bytes(of line: LogLine) -> [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .json: line.json.write(to: &bytes)
        case .text(let colored): bytes.append(contentsOf: line.text(colored: colored).utf8)
        }
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }
}
