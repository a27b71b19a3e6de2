/// International bank account numbers (ISO 13616): a country, two check digits, and as many letters and digits as that country has.
enum BankAccount {
    /// Whole lengths by country.
    static let lengths: [UInt16: Int] = {
        let text = """
            AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 \
            FI18 FK18 FO18 \
            FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 \
            LV21 LY25 MC27 \
            MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 \
            SI19 SK24 SM27 \
            SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
            """
        return Dictionary(
            uniqueKeysWithValues: text.split(separator: " ").map { entry in
                let bytes = Array(entry.utf8)
                return (UInt16(bytes[0]) << 8 | UInt16(bytes[1]), Int(bytes[2] - 48) * 10 + Int(bytes[3] - 48))
            })
    }()
}

extension RedactionScan {
    /// Replaces the account number that begins at `start`, if one does.
    mutating func iban(from start: Int) -> Bool {
        guard isDigit(start + 2), isDigit(start + 3), start == 0 || kind(start - 1) & ByteClass.alphanumeric == 0,
            let length = BankAccount.lengths[(UInt16(base[start]) << 8 | UInt16(base[start + 1])) & 0xDFDF]
        else { return false }
        let isLower = base[start] & 0x20 != 0
        var (index, taken) = (start, 0)
        var head: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
        var remainder: UInt32 = 0
        while taken < length {
            let kind = kind(index)
            guard kind & ByteClass.alphanumeric != 0 else {
                // Groups of four, parted by one space or dash.
                let isGap = byte(index) == UInt8(ascii: " ") || byte(index) == UInt8(ascii: "-")
                let width = isGap ? 1 : byte(index) == 0xC2 && byte(index + 1) == 0xA0 ? 2 : 0
                guard width > 0, taken >= 2, isAlphanumeric(index + width) else { return false }
                index += width
                continue
            }
            let byte = base[index]
            let isDigit = kind & ByteClass.digit != 0
            if !isDigit, taken >= 4, isLower != (byte & 0x20 != 0) { return false }
            let value = isDigit ? UInt32(byte - 48) : UInt32((byte & 0xDF) - 55)
            switch taken {
            case 0: head.0 = value
            case 1: head.1 = value
            case 2: head.2 = value
            case 3: head.3 = value
            default: remainder = Self.joined(remainder, value)
            }
            taken += 1
            index += 1
        }
        guard kind(index) & ByteClass.alphanumeric == 0 else { return false }
        for value in [head.0, head.1, head.2, head.3] { remainder = Self.joined(remainder, value) }
        guard remainder == 1 || NumberContext.names("iban", before: start, in: self) else { return false }
        replace(start, index, RedactionMark.iban)
        return true
    }

    private static func joined(_ remainder: UInt32, _ value: UInt32) -> UInt32 {
        (value < 10 ? remainder * 10 + value : remainder * 100 + value) % 97
    }
}
