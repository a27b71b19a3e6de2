/// Entity tags in conditions (RFC 9110 sections 8.8.3 and 13.1).
enum EntityTag {
    /// Whether a condition names `tag`, in its list or as `*`. `weakly`, as an `If-None-Match` asks, a tag with `W/` is as good as one
    /// without; for an `If-Match` it is none.
    static func isNamed(_ tag: String, in condition: String?, weakly: Bool) -> Bool {
        guard let condition else { return false }
        if condition == "*" { return true }
        var rest = condition[...]
        // A comma may stand in a tag, a quotation mark may not.
        while let start = rest.firstIndex(of: "\"") {
            let content = rest[rest.index(after: start)...]
            guard let end = content.firstIndex(of: "\"") else { return false }
            if rest[start...end] == tag, weakly || !rest[..<start].hasSuffix("W/") { return true }
            rest = content[content.index(after: end)...]
        }
        return false
    }
}
