/// Finds what somebody may have meant: the known name at the smallest Levenshtein distance, when it is small.
package enum NearestName {
    package static func of(_ name: String, in known: [String]) -> String? {
        guard name.utf8.count <= 64 else { return nil }
        let best = known.map { (distance($0, name), $0) }.min { $0.0 < $1.0 }
        guard let best, best.0 <= max(2, name.utf8.count / 3) else { return nil }
        return best.1
    }

    /// Whether `name` is one slip of a finger away from `known`: a letter left out, added or taken for another, or two neighbours swapped.
    package static func isSlip(_ name: String, of known: String) -> Bool {
        guard name.utf8.count <= 64 else { return false }
        let edits = distance(known, name)
        guard edits == 2, known.utf8.count == name.utf8.count else { return edits == 1 }
        let (meant, typed) = (Array(known.utf8), Array(name.utf8))
        let wrong = meant.indices.filter { meant[$0] != typed[$0] }
        guard wrong.count == 2, wrong[1] == wrong[0] + 1 else { return false }
        return meant[wrong[0]] == typed[wrong[1]] && meant[wrong[1]] == typed[wrong[0]]
    }

    private static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.utf8)
        let b = Array(b.utf8)
        var row = Array(0...b.count)
        for i in a.indices {
            var diagonal = row[0]
            row[0] = i + 1
            for j in b.indices {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
