/// Values that do not stand behind their names: `<pin>…</pin>`, `{"name":"DB_PASSWORD","value":"…"}`, `<input name="pin" value="…">`.
extension RedactionScan {
    /// A value whose name stands in the member before.
    struct Announced {
        /// What parts it from `value`.
        var separator = -1
        var verdict = SensitiveNames.Verdict.harmless
    }

    /// Remembers where the value stands that `label` announces, if what stands at `at` is a sensitive name.
    mutating func announce(_ label: Name) {
        guard Label.announces(UnsafeBufferPointer(start: base + label.start, count: label.end - label.start)) else { return }
        var start = at + run(of: UInt8(ascii: " "), at: at)
        let slashes = run(of: UInt8(ascii: "\\"), at: start)
        let quote = byte(start + slashes)
        if isQuote(quote) { start += slashes + 1 }
        var end = start
        while end < count, end - start <= NameWords.mostBytes, isNamePart(base[end], false) { end += 1 }
        let verdict = Label.verdict(UnsafeBufferPointer(start: base + start, count: end - start), rules.names)
        guard verdict != .harmless else { return }
        if isQuote(quote) {
            guard run(of: UInt8(ascii: "\\"), at: end) == slashes, byte(end + slashes) == quote else { return }
            end += slashes + 1
            // `<string name="api_key">…</string>`
            if byte(end) == UInt8(ascii: ">") { lastTag = Tag(seen: end, end: end, content: end + 1) }
        }
        if let separator = separatorOfValue(behind: end) { announced = Announced(separator: separator, verdict: verdict) }
    }

    /// The separator behind the next member's name, if that begins right behind `index` and is `value`.
    private func separatorOfValue(behind index: Int) -> Int? {
        var next = index
        while next - index < 64, ", ;-\t\r\n".utf8.contains(byte(next)) { next += 1 }
        guard next > index else { return nil }
        let slashes = run(of: UInt8(ascii: "\\"), at: next)
        let isQuoted = isQuote(byte(next + slashes))
        if isQuoted { next += slashes + 1 }
        guard beginsLowered("value", at: next) else { return nil }
        next += isQuoted ? 6 + slashes : 5
        while byte(next) == UInt8(ascii: " ") { next += 1 }
        return byte(next) == UInt8(ascii: ":") || byte(next) == UInt8(ascii: "=") ? next : nil
    }

    // MARK: Tags

    /// A sensitive tag, and what follows it.
    struct Tag {
        /// Up to where a `>` has been looked for.
        var seen = 0
        /// That `>`; -1 when there is none on its line.
        var end = -1
        /// Behind the `>`; -1 when the tag has no content.
        var content = -1
        /// The `<` behind its content, when that is not its end; otherwise -1.
        var next = -1

        /// Whether the tag and its content read otherwise without what stands from `start` to `end`.
        func isTouched(_ start: Int, _ end: Int) -> Bool { start < self.end && self.end <= end || start <= next && next < end }
    }

    /// `<password>hunter2</password>`, `<secret value="hunter2"/>`. Attributes are names with values like any other.
    mutating func tag() {
        at += 1
        let start = at
        guard kind(start) & ByteClass.letter != 0 else { return }
        var end = start
        while end < count, end - start < NameWords.mostBytes, table[Int(base[end])] & ByteClass.word != 0 || "-.:".utf8.contains(base[end])
        {
            end += 1
        }
        guard byte(end) == UInt8(ascii: ">") || byte(end) == UInt8(ascii: " ") else { return }
        guard verdict(Name(start: start, end: end)) != .harmless else { return }
        at = end
        if lastTag.seen < end { lastTag = tag(closingBehind: end) }
        lastTag.content = lastTag.end > 0 && base[lastTag.end - 1] != UInt8(ascii: "/") ? lastTag.end + 1 : -1
        lastTag.next = -1
        if let separator = separatorOfValue(behind: end) { announced = Announced(separator: separator, verdict: .secret) }
    }

    private func tag(closingBehind start: Int) -> Tag {
        var end = start
        while end < count, base[end] != UInt8(ascii: ">"), base[end] != UInt8(ascii: "\n") { end += 1 }
        return Tag(seen: end, end: byte(end) == UInt8(ascii: ">") ? end : -1)
    }

    /// Behind the `>` of a sensitive tag its content goes, if it has an end: without one it is a placeholder, as in `--token <token> …`.
    mutating func endTag() {
        at += 1
        guard at == lastTag.content else { return }
        if let mark = endOfMark(at) { return keep(through: mark) }
        var end = at
        while end < count, base[end] != UInt8(ascii: "<"), base[end] != UInt8(ascii: "\n"), base[end] != UInt8(ascii: "\r") { end += 1 }
        guard byte(end) == UInt8(ascii: "<") else { return }
        if end > at, byte(end + 1) == UInt8(ascii: "/") { return replace(at, end, RedactionMark.secret) }
        lastTag.next = end
    }
}
