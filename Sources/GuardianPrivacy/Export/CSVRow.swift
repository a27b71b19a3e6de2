/// Writes one row of CSV (RFC 4180) whose cells no spreadsheet takes for a formula.
struct CSVRow {
    private(set) var bytes: [UInt8] = []
    private var isFirst = true

    /// A number, a time, a word of ours: nothing in it needs quoting.
    mutating func plain(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
    }

    mutating func number(_ value: Int64) { plain(String(value)) }

    mutating func empty() { separate() }

    /// Text from outside. What a spreadsheet would run gets an apostrophe first, as OWASP advises; a NUL, at which readers stop, becomes
    /// `␀`.
    mutating func text(_ text: String) {
        separate()
        var text = text
        text.withUTF8 { cell in
            guard let first = cell.first else { return }
            let isFormula =
                Self.startsFormula(first) || cell.starts(with: "＝".utf8) || cell.starts(with: "＋".utf8) || cell.starts(with: "－".utf8)
                || cell.starts(with: "＠".utf8)
            // Spaces at the ends are part of a cell only between quotation marks for some readers.
            let isQuoted = cell.contains(where: Self.isSpecial) || first == 0x20 || cell[cell.count - 1] == 0x20
            if isQuoted { bytes.append(Self.quote) }
            if isFormula { bytes.append(UInt8(ascii: "'")) }
            if isQuoted {
                for byte in cell {
                    if byte == 0 {
                        bytes.append(contentsOf: "\u{2400}".utf8)
                        continue
                    }
                    if byte == Self.quote { bytes.append(byte) }
                    bytes.append(byte)
                }
                bytes.append(Self.quote)
            } else {
                bytes.append(contentsOf: cell)
            }
        }
    }

    mutating func end() {
        bytes.append(0x0D)
        bytes.append(0x0A)
        isFirst = true
    }

    /// What is written so far, which is not kept.
    mutating func drain(into out: inout [UInt8]) {
        out.append(contentsOf: bytes)
        bytes.removeAll(keepingCapacity: true)
    }

    private mutating func separate() {
        if isFirst { isFirst = false } else { bytes.append(UInt8(ascii: ",")) }
    }

    private static let quote = UInt8(ascii: "\"")

    private static func isSpecial(_ byte: UInt8) -> Bool { byte == quote || byte == UInt8(ascii: ",") || byte < 0x20 || byte == 0x7F }

    private static func startsFormula(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "=") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "@") || byte == 0x09
            || byte == 0x0D || byte == 0x0A
    }
}
