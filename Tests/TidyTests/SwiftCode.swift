/// Swift source with its comments and the text of its string literals blanked, line by line, so that a rule about calls
/// reads calls only. Code inside an interpolation stays, for it runs.
///
/// It knows nested comments, raw and multi-line strings. It knows no bare `/regex/` literals: a quote inside one blanks
/// the rest of that line at most.
struct SwiftCode {
    /// One for each line of the source.
    let lines: [String]

    init(_ source: String) {
        var scanner = Scanner(source)
        lines = scanner.scan().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// A module that is imported, and the line that does it, counted from 1.
    struct Import: Equatable {
        let module: String
        let line: Int
        /// Inside the `#else` of an `#if canImport(FoundationEssentials)`.
        let isFoundationFallback: Bool
    }

    var imports: [Import] {
        let pattern =
            /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|actor|func|var|let|typealias)\s+)?(\w+)/
        var conditions: [(isEssentials: Bool, isElse: Bool)] = []
        var found: [Import] = []
        for (index, line) in lines.enumerated() {
            let words = line.drop { $0 == " " || $0 == "\t" }
            if words.hasPrefix("#if") {
                conditions.append((words.hasPrefix("#if canImport(FoundationEssentials)"), false))
            } else if words.hasPrefix("#else"), let last = conditions.indices.last {
                conditions[last].isElse = !words.hasPrefix("#elseif")
            } else if words.hasPrefix("#endif") {
                _ = conditions.popLast()
            } else if let match = line.firstMatch(of: pattern) {
                let isFallback = conditions.contains { $0.isEssentials && $0.isElse }
                found.append(Import(module: String(match.1), line: index + 1, isFoundationFallback: isFallback))
            }
        }
        return found
    }
}

extension SwiftCode {
    /// Walks the source once, copying code and blanking the rest. Lines stay lines.
    private struct Scanner {
        private let source: [Unicode.Scalar]
        private var position = 0
        private var output = String.UnicodeScalarView()

        init(_ text: String) {
            source = Array(text.unicodeScalars)
        }

        mutating func scan() -> String {
            code(untilParenthesis: false)
            return String(output)
        }

        private func sees(_ text: String) -> Bool {
            var index = position
            for scalar in text.unicodeScalars {
                guard index < source.count, source[index] == scalar else { return false }
                index += 1
            }
            return true
        }

        private mutating func copy(_ count: Int = 1) {
            for _ in 0..<count where position < source.count {
                output.append(source[position])
                position += 1
            }
        }

        private mutating func blank(_ count: Int = 1) {
            for _ in 0..<count where position < source.count {
                output.append(source[position] == "\n" ? "\n" : " ")
                position += 1
            }
        }

        /// Code, up to the end or to the parenthesis that closes an interpolation.
        private mutating func code(untilParenthesis: Bool) {
            var depth = 0
            while position < source.count {
                if sees("//") {
                    while position < source.count, source[position] != "\n" { blank() }
                } else if sees("/*") {
                    comment()
                } else if let hashes = openingHashes() {
                    string(hashes: hashes)
                } else {
                    if sees("(") { depth += 1 }
                    if sees(")") {
                        depth -= 1
                        if untilParenthesis, depth < 0 { return copy() }
                    }
                    copy()
                }
            }
        }

        private mutating func comment() {
            var depth = 0
            repeat {
                if sees("/*") {
                    depth += 1
                    blank(2)
                } else if sees("*/") {
                    depth -= 1
                    blank(2)
                } else {
                    blank()
                }
            } while depth > 0 && position < source.count
        }

        /// How many `#` stand before the quote that begins here, or `nil` when no string begins here.
        private func openingHashes() -> Int? {
            var index = position
            while index < source.count, source[index] == "#" { index += 1 }
            return index < source.count && source[index] == "\"" ? index - position : nil
        }

        private mutating func string(hashes: Int) {
            let fence = String(repeating: "#", count: hashes)
            copy(hashes)
            let quote = sees("\"\"\"") ? "\"\"\"" : "\""
            copy(quote.count)
            while position < source.count {
                if sees(quote + fence) { return copy(quote.count + hashes) }
                if sees("\\" + fence + "(") {
                    copy(hashes + 2)
                    code(untilParenthesis: true)
                } else if sees("\\" + fence) {
                    blank(hashes + 2)
                } else if source[position] == "\n", quote.count == 1 {
                    return
                } else {
                    blank()
                }
            }
        }
    }
}
