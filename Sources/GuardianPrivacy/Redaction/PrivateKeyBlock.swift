/// A private key in text (RFC 7468, RFC 4880), followed line by line: a header, base64, an end. One that was cut has no end: the first line
/// that can't be of it ends it. A header that is only mentioned has none of it.
struct PrivateKeyBlock {
    /// Up to where it has been followed.
    private(set) var end: Int
    /// Whether more of it may stand behind the text.
    private(set) var isOpen = true

    private let base: UnsafePointer<UInt8>
    private let count: Int
    /// What stands of it on its header's line.
    private var first: Range<Int>?
    private var hasBody = false
    /// A mark of an earlier pass stands in its place, so that nothing of it is left.
    private var isTaken = false

    private enum Line { case empty, body, mark, header, other }

    /// `begin`: where the `BEGIN` of its header stands. nil when that is no private key's, or only mentioned.
    init?(_ base: UnsafePointer<UInt8>, count: Int, begin: Int) {
        (self.base, self.count, end) = (base, count, begin)
        guard let header = endOfHeader(begin) else { return nil }
        let (start, isEscaped) = behindJoints(header)
        end = start
        guard start < count, !isBreak(start), !begins("-----END", at: start) else { return }
        if let mark = RedactionMark.end(in: UnsafeBufferPointer(start: base, count: count), from: start) {
            (end, isTaken) = (mark, true)
        } else if isEscaped && (isBase64(start) || isField(start)) || base64(from: start, most: 20) == 20 {
            end = header
            first = header..<endOfInline(start)
        } else {
            return nil
        }
    }

    /// Where its next line stands; nil when there is none any more.
    mutating func next() -> Range<Int>? {
        if let line = first {
            first = nil
            return taken(line)
        }
        while isOpen, end < count {
            if isBreak(end) {
                end += 1
            } else if begins("-----END", at: end) {
                // The end stays an end, whatever hangs on it.
                (end, isOpen) = (end + 8, false)
            } else if isBreak(end - 1) {
                let line = end..<endOfLine(end)
                switch kind(of: line) {
                case .empty: end = line.upperBound
                case .mark where !hasBody: (end, isTaken) = (line.upperBound, true)
                case .body where !isTaken: return taken(line)
                case .other where hasBody && isBeforeEnd(line.upperBound): return taken(line)
                // What may be its last line, with something before it, shows by the next.
                case .other where hasBody && line.upperBound + 2 >= count: return nil
                default: isOpen = false
                }
            } else {
                isOpen = false
            }
        }
        return nil
    }

    private mutating func taken(_ line: Range<Int>) -> Range<Int> {
        (end, hasBody) = (line.upperBound, true)
        return line
    }

    // MARK: Header

    private func endOfHeader(_ begin: Int) -> Int? {
        guard begins("-----BEGIN ", at: begin - 5) else { return nil }
        var head = begin
        while head < count, head - begin < 60, base[head] != UInt8(ascii: "-") { head += 1 }
        guard begins("-----", at: head), begins(" KEY", at: head - 4) || begins("BLOCK", at: head - 5) else { return nil }
        return (begin..<head).contains { begins("PRIVATE", at: $0) } ? head + 5 : nil
    }

    /// Where a key ends whose base64 stands on its header's line, from `start` on: at its end, with the line, or with the text around it.
    private func endOfInline(_ start: Int) -> Int {
        var index = start
        while index < count, !isBreak(index) {
            if base[index] == UInt8(ascii: "-"), begins("-----END", at: index) || begins("-----BEGIN", at: index) { break }
            if isBase64(index) || " \t\\:,-".utf8.contains(base[index]) {
                index += 1
                continue
            }
            // Its text goes on in another, as a program joins them.
            let next = behindJoints(index).end
            guard next > index, base64(from: next, most: 16) == 16 || begins("-----END", at: next) else { break }
            index = next
        }
        // What escapes a quotation mark stays with it.
        if index < count, !isBreak(index) { while base[index - 1] == UInt8(ascii: "\\") { index -= 1 } }
        return index
    }

    // MARK: Lines

    private func kind(of line: Range<Int>) -> Line {
        let start = min(behindJoints(line.lowerBound).end, line.upperBound)
        var last = line.upperBound
        while last > start, let width = joint(before: last) { last -= width }
        guard start < last else { return .empty }
        if RedactionMark.end(in: UnsafeBufferPointer(start: base, count: count), from: start) == last { return .mark }
        if (start..<last).contains(where: { base[$0] == UInt8(ascii: "-") && begins("-----BEGIN", at: $0) }) { return .header }
        if isField(start) || (start..<last).allSatisfy({ isBase64($0) || base[$0] == UInt8(ascii: "\\") }) { return .body }
        // What collects logs writes something before each line.
        return last - start > 40 && (last - 40..<last).allSatisfy(isBase64) ? .body : .other
    }

    /// Whether the key's end stands on the line that begins behind `index`, or at `index`.
    private func isBeforeEnd(_ index: Int) -> Bool {
        var start = index
        if byte(start) == UInt8(ascii: "\r") { start += 1 }
        if byte(start) == UInt8(ascii: "\n") { start += 1 }
        return begins("-----END", at: endOfLine(start))
    }

    /// Where the line ends, or the key.
    private func endOfLine(_ start: Int) -> Int {
        var index = start
        while index < count, !isBreak(index), base[index] != UInt8(ascii: "-") || !begins("-----END", at: index) { index += 1 }
        return index
    }

    /// A field before the base64 (RFC 1421, RFC 4880 section 6.2).
    private func isField(_ start: Int) -> Bool {
        let names: [StaticString] = ["Proc-Type: ", "DEK-Info: ", "Version: ", "Comment: ", "Hash: ", "Charset: ", "MessageID: "]
        return names.contains { begins($0, at: start) }
    }

    // MARK: Bytes

    /// Behind spaces, quotation marks, escaped line breaks and what joins texts in a program. `isEscaped`: a line break was among them.
    private func behindJoints(_ start: Int) -> (end: Int, isEscaped: Bool) {
        var (index, isEscaped) = (start, false)
        while index < count {
            if base[index] == UInt8(ascii: "\\"), "nr".utf8.contains(byte(index + 1)) {
                (index, isEscaped) = (index + 2, true)
            } else if isJoint(base[index]) {
                index += 1
            } else {
                break
            }
        }
        return (index, isEscaped)
    }

    /// How many bytes the joint has that ends before `index`; nil when none does.
    private func joint(before index: Int) -> Int? {
        if "nr".utf8.contains(base[index - 1]), byte(index - 2) == UInt8(ascii: "\\") { return 2 }
        return isJoint(base[index - 1]) ? 1 : nil
    }

    private func isJoint(_ byte: UInt8) -> Bool { " \t\"'`+,.\\".utf8.contains(byte) }

    private func isBase64(_ index: Int) -> Bool {
        let kind = index < count ? ByteClass.table[Int(base[index])] : 0
        return kind & ByteClass.alphanumeric != 0 || "+/=".utf8.contains(byte(index))
    }

    /// How many bytes of base64 there are from `start` on, `most` at most.
    private func base64(from start: Int, most: Int) -> Int {
        var index = start
        while index - start < most, isBase64(index) { index += 1 }
        return index - start
    }

    private func isBreak(_ index: Int) -> Bool { byte(index) == UInt8(ascii: "\n") || byte(index) == UInt8(ascii: "\r") }

    private func byte(_ index: Int) -> UInt8 { index >= 0 && index < count ? base[index] : 0 }

    private func begins(_ text: StaticString, at index: Int) -> Bool {
        guard index >= 0, index + text.utf8CodeUnitCount <= count else { return false }
        return (0..<text.utf8CodeUnitCount).allSatisfy { base[index + $0] == text.utf8Start[$0] }
    }
}
