/// Redacts a stream of lines in pieces of any size: as many lines come out as went in, in memory bounded by the longest line.
///
/// A private key that spans lines is held back until its end is there, or a line that can't be of it, so that a cut between pieces does not
/// let it through.
package struct LineRedaction: ~Copyable {
    /// Bytes of a line that are looked at in one; a longer one is cut at a space, or here.
    package static let longestLine = 64 << 20
    /// Bytes of lines that are held back for the end of a key.
    static let longestKey = 64 << 10

    private let redactor: Redactor
    private let isJSON: Bool
    /// A line that has no end yet.
    private var rest: [UInt8] = []

    /// `isJSON`: each line is one JSON value; lines that are not are redacted as text.
    package init(redactor: Redactor = .standard, isJSON: Bool = false) {
        self.redactor = redactor
        self.isJSON = isJSON
    }

    /// Takes `bytes` in, and appends to `out` what is whole.
    package mutating func take(_ bytes: UnsafeBufferPointer<UInt8>, into out: inout [UInt8]) {
        // What was looked at before has no line break in it.
        guard let lastBreak = bytes.lastIndex(of: UInt8(ascii: "\n")) else {
            rest.append(contentsOf: bytes)
            if rest.count > Self.longestLine { cut(into: &out) }
            return
        }
        rest.append(contentsOf: bytes[...lastBreak])
        var end = rest.count
        if !isJSON { end = openKey(before: end) ?? end }
        rest.withUnsafeBufferPointer { redact(UnsafeBufferPointer(rebasing: $0[..<end]), into: &out) }
        rest.removeSubrange(..<end)
        rest.append(contentsOf: bytes[(lastBreak + 1)...])
    }

    /// Appends what is left: a last line without a line break.
    package mutating func finish(into out: inout [UInt8]) {
        guard !rest.isEmpty else { return }
        rest.withUnsafeBufferPointer { redact($0, into: &out) }
        rest = []
    }

    private func redact(_ lines: UnsafeBufferPointer<UInt8>, into out: inout [UInt8]) {
        guard isJSON else { return redactor.redact(lines, into: &out) }
        var start = 0
        while start < lines.count {
            let end = lines[start...].firstIndex(of: UInt8(ascii: "\n")) ?? lines.count
            redactor.redact(json: UnsafeBufferPointer(rebasing: lines[start..<end]), into: &out)
            if end < lines.count { out.append(UInt8(ascii: "\n")) }
            start = end + 1
        }
    }

    /// A line that does not end: what stands before its last space goes.
    private mutating func cut(into out: inout [UInt8]) {
        let end = rest.suffix(4096).lastIndex(of: UInt8(ascii: " ")) ?? rest.count
        rest.withUnsafeBufferPointer { redactor.redact(UnsafeBufferPointer(rebasing: $0[..<end]), into: &out) }
        rest.removeSubrange(..<end)
    }

    /// Where the line begins of a private key that may go on in what is not there yet.
    private func openKey(before end: Int) -> Int? {
        let floor = max(0, end - Self.longestKey)
        return rest.withUnsafeBufferPointer { bytes in
            var at = end - 5
            while at >= floor {
                if bytes[at] == UInt8(ascii: "-"), matches("-----", bytes, at) {
                    if matches("-----END", bytes, at) { return nil }
                    if matches("-----BEGIN", bytes, at) {
                        guard isOpen(bytes, before: end, at + 5) else { return nil }
                        let line = bytes[..<at].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
                        return line > 0 || end < Self.longestKey ? line : nil
                    }
                }
                at -= 1
            }
            return nil
        }
    }

    /// Whether a private key begins with the `BEGIN` at `start`, and nothing before `end` ends it.
    private func isOpen(_ bytes: UnsafeBufferPointer<UInt8>, before end: Int, _ start: Int) -> Bool {
        guard let base = bytes.baseAddress, var key = PrivateKeyBlock(base, count: end, begin: start) else { return false }
        while key.next() != nil {}
        return key.isOpen
    }

    private func matches(_ text: StaticString, _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
        guard start + text.utf8CodeUnitCount <= bytes.count else { return false }
        return (0..<text.utf8CodeUnitCount).allSatisfy { bytes[start + $0] == text.utf8Start[$0] }
    }
}
