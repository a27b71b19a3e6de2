import GuardianCore

/// How many operations a set has: all of them, or those that were counted before looking for them took too long.
struct SetSize: Sendable, Equatable {
    var count: Int64
    /// False when there may be more.
    var isWhole: Bool

    init(count: Int64, isWhole: Bool) {
        self.count = count
        self.isWhole = isWhole
    }

    /// What a dialog has said; nil for anything else.
    init?(_ text: String) {
        let isWhole = !text.hasSuffix("+")
        guard let count = SearchQuery.number(isWhole ? text : String(text.dropLast())) else { return nil }
        self.init(count: count, isWhole: isWhole)
    }

    /// As a form carries it, and a person types it: `40`, or `5000+`.
    var text: String { isWhole ? "\(count)" : "\(count)+" }

    /// Before a noun.
    var words: String {
        if isWhole { return Show.number(count) }
        return count == 0 ? "An unknown number of" : "More than \(Show.number(count))"
    }
}
