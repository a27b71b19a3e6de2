extension String {
    /// Harmless on a terminal: control characters (C0, DEL, C1) but line ends and tabs are written as JSON escapes, such as `\u001b`.
    ///
    /// What an upstream says could otherwise move the cursor, hide a line or fill the clipboard. JSON still means what it meant.
    package var printable: String { escapingControls(keepsLines: true) }

    /// As ``printable``, and on one line: no foreign text then looks like a line of ours.
    package var printableLine: String { escapingControls(keepsLines: false) }

    private func escapingControls(keepsLines: Bool) -> String {
        guard unicodeScalars.contains(where: { Self.isControl($0, keepsLines) }) else { return self }
        var out = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            guard Self.isControl(scalar, keepsLines) else {
                out.append(scalar)
                continue
            }
            let digits = String(scalar.value, radix: 16)
            out.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).unicodeScalars)
        }
        return String(out)
    }

    private static func isControl(_ scalar: Unicode.Scalar, _ keepsLines: Bool) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: !keepsLines
        case 0..<0x20, 0x7F...0x9F: true
        default: false
        }
    }
}
