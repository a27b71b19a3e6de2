/// What hangs on a prefix: `id-4111111111111111`, `id_ghp_…`, `ID4111111111111111`, `ssn_123-45-6789`.
///
/// Identifiers are written so, and they stay. A key of a shape that nothing else has, a web token, an account number and a card's number
/// whose check digit and network are right are none, whatever they hang on.
extension RedactionScan {
    /// Replaces the secret that begins at `start`, behind a prefix and its `-` or `_`, if one does.
    mutating func gluedSecret(from start: Int) -> Bool {
        if isDigit(start + 2), iban(from: start) { return true }
        if base[start] == UInt8(ascii: "e"), begins("eyJ", at: start), webToken(from: start) { return true }
        return shapes.hasKeys(base[start], base[start + 1]) && key(from: start, isGlued: true)
    }

    /// Looks for what hangs on the beginning of the word from `start` to `end`, and replaces the first that does. `seen`: what the word is
    /// made of.
    mutating func glued(in start: Int, _ end: Int, _ seen: UInt8) -> Bool {
        let next = byte(end)
        let goesOn = next == UInt8(ascii: "-") || next == UInt8(ascii: ".")
        // Short words hold nothing, unless they have digits and go on, or a key's prefix goes on behind its dash.
        if !goesOn, end - start < 12, seen & ByteClass.digit == 0 || next != UInt8(ascii: " ") && next < 0x80 { return false }
        if seen & ByteClass.digit != 0, gluedToLetters(in: start, end) { return true }
        guard seen & ByteClass.underscore != 0, seen & ByteClass.digit != 0 || goesOn || hasCapital(start, end) else { return false }
        var index = start
        while index < end {
            let byte = base[index]
            index += 1
            guard byte == UInt8(ascii: "_"), index < end else { continue }
            if table[Int(base[index])] & ByteClass.digit != 0 {
                if gluedNumber(from: index, wordEnd: end) { return true }
            } else if index + 1 < count, shapes.mayBegin(base[index], base[index + 1]), gluedSecret(from: index) {
                return true
            }
            if end - index >= 14, composedKey(from: index, end) { return true }
        }
        return false
    }

    /// Without digits a key has capitals.
    private func hasCapital(_ start: Int, _ end: Int) -> Bool {
        for index in start..<end where base[index] &- 65 < 26 { return true }
        return false
    }

    /// The digits behind the letters that the word begins with.
    private mutating func gluedToLetters(in start: Int, _ end: Int) -> Bool {
        var index = start
        while index < end, table[Int(base[index])] & (ByteClass.letter | ByteClass.high) != 0 { index += 1 }
        return index > start && index < end && isDigit(index) && gluedNumber(from: index, wordEnd: end)
    }

    /// Digits from `start` on, behind a prefix, in a word that goes on to `wordEnd`.
    mutating func gluedNumber(from start: Int, wordEnd: Int) -> Bool {
        var end = start + 1
        while end < wordEnd, table[Int(base[end])] & ByteClass.digit != 0 { end += 1 }
        let length = end - start
        guard length <= NumberChain.mostDigits else { return false }
        guard end == wordEnd else {
            guard (14...16).contains(length), byte(end) == UInt8(ascii: "_") else { return false }
            var chain = NumberChain()
            chain.append(start: start, length: length, separator: NumberChain.Separator.none)
            guard let cardEnd = endOfGluedCard(chain) else { return false }
            replaceNumber(start, cardEnd, .card)
            return true
        }
        guard length >= 2 else { return false }
        if (8...10).contains(length), byte(end) == UInt8(ascii: ":"), let last = endOfBotToken(start) {
            replace(start, last, RedactionMark.key)
            return true
        }
        guard isGap(end) || length >= 9 else { return false }
        let chain = chain(from: start)
        guard chain.digits >= 9, kind(chain.end(chain.count - 1)) & ByteClass.letter == 0 || chain.count > 1 else { return false }
        let before = copied
        judge(chain)
        if copied > before { return true }
        at = wordEnd
        return false
    }
}
