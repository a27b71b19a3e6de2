/// One character beyond ASCII, read from its UTF-8 bytes: whether words are made of it. nil for punctuation, symbols and broken bytes.
struct Letter {
    let width: Int
    let scalar: UInt32

    /// The one that begins at `index`.
    init?(at index: Int, in base: UnsafePointer<UInt8>, before end: Int) {
        let lead = base[index]
        let width: Int
        var scalar: UInt32
        switch lead {
        case 0xC2...0xDF: (width, scalar) = (2, UInt32(lead & 0x1F))
        case 0xE0...0xEF: (width, scalar) = (3, UInt32(lead & 0x0F))
        case 0xF0...0xF4: (width, scalar) = (4, UInt32(lead & 0x07))
        default: return nil
        }
        guard index + width <= end else { return nil }
        for offset in 1..<width {
            let byte = base[index + offset]
            guard byte & 0xC0 == 0x80 else { return nil }
            scalar = scalar << 6 | UInt32(byte & 0x3F)
        }
        guard Self.isLetter(scalar) else { return nil }
        (self.width, self.scalar) = (width, scalar)
    }

    /// The one that ends right before `index`.
    init?(endingBefore index: Int, in base: UnsafePointer<UInt8>, notBefore floor: Int) {
        var start = index - 1
        while start > floor, index - start < 4, base[start] & 0xC0 == 0x80 { start -= 1 }
        guard start >= floor, base[start] >= 0xC0 else { return nil }
        self.init(at: start, in: base, before: index)
        guard start + width == index else { return nil }
    }

    /// Of a script that is written without spaces.
    var isIdeographic: Bool {
        (0x2E80...0x9FFF).contains(scalar) || (0xAC00...0xD7FF).contains(scalar) || (0xF900...0xFAFF).contains(scalar)
            || (0x0E00...0x0EFF).contains(scalar) || scalar >= 0x20000
    }

    /// Parts the labels of a domain as `.` does (RFC 3490 section 3.1).
    var isFullStop: Bool { scalar == 0x3002 || scalar == 0xFF0E || scalar == 0xFF61 }

    private static func isLetter(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x80...0xBF, 0xD7, 0xF7: false
        case 0x2000...0x2BFF: scalar == 0x200C || scalar == 0x200D
        case 0x3000...0x301C, 0x3020, 0x3030...0x303F, 0x30FB: scalar == 0x3002 || scalar == 0x3005 || scalar == 0x3006
        case 0xD800...0xDFFF, 0xE000...0xF8FF, 0xFE10...0xFE6F, 0xFEFF: false
        case 0xFF00...0xFF0F, 0xFF1A...0xFF20, 0xFF3B...0xFF40, 0xFF5B...0xFF65: scalar == 0xFF0E || scalar == 0xFF61
        case 0xFFF0...0xFFFF, 0x1F000...0x1FFFF: false
        default: true
        }
    }
}
