/// A command line as words, without a shell: nothing is expanded, no command is run in another.
package enum CommandWords {
    /// Space parts words; quotes keep it (in double quotes `\"` and `\\` are the characters themselves); outside of quotes a backslash
    /// keeps the next character. nil when a quote or a backslash has no end, or there are no words.
    package static func split(_ line: String) -> [String]? {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var isKept = false
        for character in line {
            if isKept {
                if quote == "\"", character != "\"", character != "\\" { word = (word ?? "") + "\\" }
                word = (word ?? "") + String(character)
                isKept = false
            } else if character == "\\", quote != "'" {
                isKept = true
            } else if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if character.isWhitespace || character.isNewline {
                if let whole = word { words.append(whole) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        guard quote == nil, !isKept else { return nil }
        if let whole = word { words.append(whole) }
        return words.isEmpty || words[0].isEmpty ? nil : words
    }

    /// A line that ``split(_:)`` makes these words of.
    package static func join(_ words: [String]) -> String {
        words.map { word in
            let isPlain = !word.isEmpty && word.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\\\"'".utf8.contains($0) }
            return isPlain ? word : "\"" + word.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }.joined(separator: " ")
    }
}
