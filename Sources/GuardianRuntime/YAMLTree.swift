import Foundation
import Yams

/// A scalar as it was written, and as YAML 1.1 takes it: `0600` is 384 there, `off` is false, and nothing is null.
struct YAMLScalar {
    var text: String
    var value: Any

    var isNull: Bool { value is NSNull }

    /// `true` or `false` for any of YAML's words for them.
    var flag: String { (value as? Bool).map { $0 ? "true" : "false" } ?? text }
}

/// A YAML document as maps, lists and ``YAMLScalar``s.
///
/// The library's own construction of maps traps on some keys that are no text, so only its scalars are used.
enum YAMLTree {
    /// Maps and lists in each other, at most.
    private static let mostLevels = 64

    /// nil for an empty document. Throws a ``SettingsError`` or the parser's error.
    static func read(_ text: String) throws -> Any? {
        guard let node = try compose(yaml: text) else { return nil }
        return try value(of: node, level: 0)
    }

    /// What the parser objects to, and where. Its own words repeat the line, and with it what may be a secret.
    static func words(for error: any Error) -> String {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            "line \(mark.line), column \(mark.column): \(problem)"
        case YamlError.duplicatedKeysInMapping(_, let context): "line \(context.mark.line): a key is there twice"
        case YamlError.reader(let problem, _, _, _): problem
        default: "it can't be parsed"
        }
    }

    private static func value(of node: Node, level: Int) throws -> Any {
        guard level < mostLevels else { throw SettingsError("config", "nests deeper than \(mostLevels) levels") }
        if let mapping = node.mapping {
            var map: [String: Any] = [:]
            for (key, inner) in mapping {
                guard let name = key.scalar?.string else { throw SettingsError("config", "a key must be a text, not a list or a map") }
                map[name] = try value(of: inner, level: level + 1)
            }
            return map
        }
        if let sequence = node.sequence { return try sequence.map { try value(of: $0, level: level + 1) } }
        return YAMLScalar(text: node.scalar?.string ?? "", value: node.any)
    }
}
