/// Finds what somebody may have meant: the known name at the smallest Levenshtein distance, when it is small.
public enum NearestName {
    public static func of(_ name: String, in known: [String]) -> String? {
        guard name.utf8.count <= 64 else { return nil }
        let best = known.map { (distance($0, name), $0) }.min { $0.0 < $1.0 }
        guard let best, best.0 <= max(2, name.utf8.count / 3) else { return nil }
        return best.1
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
