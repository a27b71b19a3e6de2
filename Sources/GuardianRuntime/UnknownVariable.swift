import GuardianCore

/// A variable of the environment that begins with `GUARDIAN_` and names no setting.
///
/// One that is a letter away from a setting's is a slip: what it was to set keeps its default, and nobody would notice. Any other may be
/// somebody else's, such as a script's or an image's. Those that Kubernetes puts beside a service `guardian` are none of these.
package struct UnknownVariable: Sendable, Equatable {
    package let name: String
    /// What may have been meant; nil when nothing is near.
    package let meant: String?
    /// Whether it was surely meant for us: a slip, the name of a list, or a setting's name in other letters, small or capital. Short words
    /// are a letter away from too many others to be sure.
    package let isSlip: Bool

    /// Letters behind the prefix without which a slip is no more than a guess.
    private static let leastLetters = 6

    /// Those of `environment`, in the order of their names.
    package static func all(in environment: [String: String]) -> [UnknownVariable] {
        let known = Settings.variables
        let others = environment.filter { entry in
            entry.key.hasPrefix(Settings.prefix) && !known.contains(entry.key) && !isServiceLink(entry.key, entry.value)
        }
        return others.keys.sorted().map { UnknownVariable($0, known: known) }
    }

    private init(_ name: String, known: [String]) {
        self.name = name
        if let list = Settings.lists.first(where: { Settings.variable(of: $0) == name }) {
            meant = "the key \(list) of the file"
            isSlip = true
            return
        }
        // The beginning that all have in common makes no two of them alike.
        func word(_ variable: String) -> String { variable.dropFirst(Settings.prefix.count).lowercased() }
        let (typed, words) = (word(name), known.map(word))
        let slip = words.first { $0 == typed || typed.utf8.count >= Self.leastLetters && NearestName.isSlip(typed, of: $0) }
        meant = (slip ?? NearestName.of(typed, in: words)).map { Settings.prefix + $0.uppercased() }
        isSlip = slip != nil
    }

    /// What is wrong with it; without its value, which may be a secret.
    package var error: SettingsError {
        let advice = meant.map { "did you mean \($0)?" } ?? "mend its name, or take it out"
        return SettingsError("environment", "\(name) names no setting; \(advice)")
    }

    /// Whether Kubernetes sets it: `GUARDIAN_SERVICE_HOST`, `GUARDIAN_PORT`, `GUARDIAN_PORT_8080_TCP_ADDR` and their like.
    private static func isServiceLink(_ name: String, _ value: String) -> Bool {
        if name.hasSuffix("_PORT"), value.contains("://") { return true }
        return name.wholeMatch(of: /GUARDIAN_(?:\w+_)?(?:SERVICE_(?:HOST|PORT)(?:_\w+)?|PORT_\d+_\w+)/) != nil
    }
}

extension Settings {
    /// How the variables of settings begin.
    static let prefix = "GUARDIAN_"

    /// The environment's variables that are read; others that begin as they do are somebody else's, or slips.
    package static var variables: [String] { ["GUARDIAN_CONFIG"] + keys.map { variable(of: $0.name) } }

    /// The variable of the environment that sets a key: in capitals, with `_` for each dot.
    package static func variable(of key: String) -> String { prefix + key.uppercased().replacing(".", with: "_") }
}
