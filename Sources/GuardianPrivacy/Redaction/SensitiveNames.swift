/// Which names have values that nobody else should see: `password`, `apiKey`, `X-Auth-Token`, `creditCardNumber` and what belongs to them.
///
/// A name is taken apart into words. It is sensitive when a word, a pair of words or the end of a run-on word (`accesstoken`) is one of
/// the known stems, unless what comes behind it only describes it (`token_type`, `passwordChangedAt`), or what comes before it asks or
/// counts (`has_password`, `max_tokens`).
struct SensitiveNames: Sendable {
    enum Verdict {
        case harmless
        /// What stands under it goes, whatever it is.
        case secret
        /// `tokens`, `secret_id`: a text goes, a number counts or refers.
        case counted
        /// `pass`: goes when it looks like a secret.
        case weak
        /// A number that has a mark of its own: a card, a social security number.
        case number
        /// A header whose value goes on to the end of its line.
        case header
        /// Words: all of a line goes.
        case phrase
    }

    private let more: Set<[UInt8]>
    private let exempt: Set<[UInt8]>
    private let grams: TrigramSet
    private static let txnToken = Array("txntoken".utf8)

    init(more: [String], exempt: [String]) {
        func joined(_ name: String) -> [UInt8] {
            var name = name
            return name.withUTF8 { NameWords($0).joined }
        }
        self.more = Set(more.map(joined).filter { !$0.isEmpty })
        self.exempt = Set(exempt.map(joined).filter { !$0.isEmpty })
        grams = TrigramSet(NameStems.grams + self.more.map { Array($0.prefix(3)) })
    }

    func verdict(_ name: UnsafeBufferPointer<UInt8>) -> Verdict {
        guard grams.touches(name) else { return .harmless }
        let name = NameWords(name)
        // Ties an operation to a change of the app's, and opens nothing.
        guard !name.words.isEmpty, !exempt.contains(name.joined), name.joined != Self.txnToken else { return .harmless }
        if !more.isEmpty, matchesMore(name) { return .secret }
        return Self.standing(name)
    }

    /// One of the app's own names, or one that ends with it at a word's boundary.
    private func matchesMore(_ name: NameWords) -> Bool {
        if more.contains(name.joined) { return true }
        return more.contains { $0.count >= 4 && name.joined.count > $0.count && name.joined.suffix($0.count).elementsEqual($0) }
    }

    private static func standing(_ name: NameWords) -> Verdict {
        let words = name.words
        var found: (verdict: Verdict, end: Int)?
        for index in words.indices {
            if index + 1 < words.count, let verdict = NameStems.pairs[NameStems.Pair(words[index], words[index + 1])] {
                found = (verdict, index + 2)
            } else if let verdict = NameStems.single[words[index]] ?? NameStems.runOn(words[index]) {
                if found == nil || found?.end != index + 1 { found = (verdict, index + 1) }
            }
        }
        if found == nil, let verdict = NameStems.across(name.joined) { found = (verdict, words.count) }
        guard let found else { return .harmless }
        if found.end < words.count, let last = words.last, NameStems.describing.contains(last) { return .harmless }
        if words.count > 1, let first = words.first, NameStems.asking.contains(first) { return .harmless }
        if isCount(words, found) { return .harmless }
        if found.verdict == .weak, words.count > 1 {
            // `db_pass` is a password, `boarding_pass` is none.
            guard found.end == words.count, NameStems.passOwners.contains(words[words.count - 2]) else { return .harmless }
            return .secret
        }
        return found.verdict
    }

    /// `prompt_tokens`, `input_token_details`; an `inputToken` is none.
    private static func isCount(_ words: [UInt128], _ found: (verdict: Verdict, end: Int)) -> Bool {
        guard let first = words.first, NameStems.counting.contains(first) else { return false }
        let stem = words[found.end - 1]
        guard stem == NameStems.tokens || stem == NameStems.token else { return false }
        return found.verdict == .counted || words.last == NameStems.details
    }
}
