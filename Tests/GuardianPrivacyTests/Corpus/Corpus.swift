import GuardianCore

/// Labelled samples from a seed: what has to go, in the ways people and programs write it, and what only looks like it.
struct Corpus {
    enum Kind: String, CaseIterable {
        case email, phone, card, socialSecurity, webToken, credentials, key, url, iban, name

        /// What stands in its place.
        var mark: String {
            switch self {
            case .email: "[REDACTED_EMAIL]"
            case .phone: "[REDACTED_PHONE]"
            case .card: "[REDACTED_CC]"
            case .socialSecurity: "[REDACTED_SSN]"
            case .webToken: "[REDACTED_TOKEN]"
            case .key: "[REDACTED_KEY]"
            case .iban: "[REDACTED_IBAN]"
            case .credentials, .url, .name: "[REDACTED]"
            }
        }

        /// Whether it has a mark of its own, so that nothing else can become of what stands round it.
        var hasOwnMark: Bool { mark != "[REDACTED]" }
    }

    struct Sample {
        var text: String
        /// What must not be in the result.
        var secret: String
        var kind: Kind
        /// The text with the mark in the place of the secret.
        var expected: String

        init(_ frame: String, _ secret: String, _ kind: Kind) {
            (self.secret, self.kind) = (secret, kind)
            text = frame.replacing("{}", with: secret)
            expected = frame.replacing("{}", with: kind.mark)
        }

        /// Whether all of the secret went, and nothing else did. Where a value goes with what stands before it (`Bearer …`), no four
        /// characters of it may be left.
        func isRight(_ redacted: String) -> Bool {
            if kind.hasOwnMark { return redacted == expected }
            return redacted.contains(kind.mark) && !parts.contains { redacted.contains($0) }
        }

        /// Every four characters of the secret that stand side by side.
        private var parts: [String] {
            let characters = Array(secret)
            return (0...max(0, characters.count - 4)).map { String(characters[$0..<min($0 + 4, characters.count)]) }
        }
    }

    private var random: Xoshiro256

    init(seed: UInt64) { random = Xoshiro256(seed: seed) }

    mutating func positives(_ kind: Kind, count: Int) -> [Sample] {
        (0..<count).map { _ in
            guard kind == .key else { return Sample(pick(Self.frames[kind] ?? ["{}"]), secret(kind), kind) }
            let isWeak = Int(random.next() % UInt64(Keys.strong.count + Keys.weak.count)) >= Keys.strong.count
            // What hangs on a prefix is often something else.
            let frames = isWeak ? Self.keyFrames : Self.keyFrames + ["id-{}", "user_{}"]
            return Sample(pick(frames), key(pick(isWeak ? Keys.weak : Keys.strong)), kind)
        }
    }

    mutating func negatives(count: Int) -> [String] {
        (0..<count).map { _ in pick(Self.plainFrames).replacing("{}", with: fill(pick(LookAlikes.all))) }
    }

    // MARK: Random parts

    mutating func pick<Element>(_ list: [Element]) -> Element { list[Int(random.next() % UInt64(list.count))] }

    mutating func digits(_ count: Int) -> String { String((0..<count).map { _ in pick(Array("0123456789")) }) }

    mutating func text(_ count: Int, _ alphabet: String) -> String {
        let letters = Array(alphabet)
        return String((0..<count).map { _ in pick(letters) })
    }

    /// `#` a digit, `N` one to nine, `X` two to nine, `h` hexadecimal, `H` upper-case hexadecimal, `A` a capital, `w` a lower-case letter, `b` a
    /// letter or digit; a backslash keeps the next one.
    mutating func fill(_ pattern: String) -> String {
        var out = ""
        var isKept = false
        for character in pattern {
            if isKept {
                out.append(character)
                isKept = false
                continue
            }
            switch character {
            case "\\": isKept = true
            case "#": out.append(pick(Array("0123456789")))
            case "N": out.append(pick(Array("123456789")))
            case "X": out.append(pick(Array("23456789")))
            case "h": out.append(pick(Array("0123456789abcdef")))
            case "H": out.append(pick(Array("0123456789ABCDEF")))
            case "A": out.append(pick(Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ")))
            case "w": out.append(pick(Array("abcdefghijklmnopqrstuvwxyz")))
            case "b": out.append(pick(Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")))
            default: out.append(character)
            }
        }
        return out
    }

    // MARK: Secrets

    private mutating func secret(_ kind: Kind) -> String {
        switch kind {
        case .email: email()
        case .phone: fill(pick(pick(Phones.byLocale).patterns))
        case .card: card()
        case .socialSecurity: socialSecurity()
        case .webToken: webToken()
        case .credentials: "\(base64(24 + Int(random.next() % 40)))7"
        case .key: key(pick(Keys.strong))
        case .url: text(12, "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") + "9"
        case .iban: iban()
        case .name: text(10, "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#%*") + "4"
        }
    }

    private mutating func email() -> String {
        let people = [
            "anna", "jean-luc", "müller", "o'brien", "maría", "søren", "łukasz", "giulia", "joão", "priya", "hanako", "åsa", "Иван", "用户",
            "δοκιμή", "william",
        ]
        let local = pick([
            "\(pick(people)).\(pick(people))", pick(people), "\(pick(people))+\(fill("www"))", "\(pick(people))\(digits(2))",
            "\(pick(people))_\(fill("ww"))", "\(fill("w")).\(pick(people))",
        ])
        let host = pick([
            "example.com", "mail.example.co.uk", "sub.mail.example.org", "bücher.de", "例子.公司", "xn--bcher-kva.example", "exämple.se",
            "\(fill("wwwww")).io", "\(fill("www"))-\(fill("www")).com.br", "example.museum", "пример.рф", "\(digits(3)).com",
        ])
        return "\(local)@\(host)"
    }

    private mutating func card() -> String {
        let (head, length) = pick([
            ("4", 16), ("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("6011", 16), ("65", 16),
            ("644", 16),
            ("3528", 16), ("3589", 16), ("36", 14), ("300", 14), ("62", 16), ("5018", 16), ("6304", 18), ("4", 19), ("2200", 16),
            ("6759", 12),
        ])
        var number = (head + digits(length - head.count - 1)).compactMap(\.wholeNumberValue)
        var sum = 0
        for (index, digit) in number.reversed().enumerated() { sum += index % 2 == 0 ? (digit * 2 > 9 ? digit * 2 - 9 : digit * 2) : digit }
        number.append((10 - sum % 10) % 10)
        let plain = number.map(String.init).joined()
        let groups = length == 15 ? [4, 6, 5] : length == 14 ? [4, 6, 4] : [4, 4, 4, 4, 4]
        return pick([plain, grouped(plain, groups, " "), grouped(plain, groups, "-")])
    }

    private func grouped(_ text: String, _ sizes: [Int], _ separator: String) -> String {
        var (rest, parts) = (text[...], [Substring]())
        for size in sizes where !rest.isEmpty {
            parts.append(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return parts.joined(separator: separator)
    }

    private mutating func socialSecurity() -> String {
        let area = 1 + Int(random.next() % 899)
        guard area != 666 else { return socialSecurity() }
        func padded(_ value: Int, _ width: Int) -> String { String(String(value + 100_000).suffix(width)) }
        let text = "\(padded(area, 3))-\(padded(1 + Int(random.next() % 99), 2))-\(padded(1 + Int(random.next() % 9999), 4))"
        return pick([text, text, text.replacing("-", with: " ")])
    }

    private mutating func base64(_ count: Int) -> String {
        text(count, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    }

    private mutating func webToken() -> String {
        let head = pick([
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "eyJhbGciOiJSUzI1NiIsImtpZCI6ImFiYyJ9", "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9",
        ])
        return "\(head).eyJ\(base64(60)).\(pick([base64(43), base64(86), base64(342)]))"
    }

    private mutating func iban() -> String {
        let (country, pattern) = pick(Self.accounts)
        let account = fill(pattern)
        let check = 98 - Self.remainder(Self.numbers(account + country) + "00")
        let whole = country + (check < 10 ? "0" : "") + String(check) + account
        return pick([whole, grouped(whole, Array(repeating: 4, count: 9), " "), whole.lowercased()])
    }

    /// What stands behind country and check digits, as patterns for ``fill(_:)``: digits, letters of a bank, and both.
    private static let accounts = [
        ("AE", "###################"), ("AT", "################"), ("BE", "############"), ("BG", "AAAA######HHHHHHHH"),
        ("CH", "#####HHHHHHHHHHHH"), ("CZ", "####################"), ("DE", "##################"), ("DK", "##############"),
        ("ES", "####################"), ("FI", "##############"), ("FR", "##########HHHHHHHHHHH##"), ("GB", "AAAA##############"),
        ("GR", "#######HHHHHHHHHHHHHHHH"), ("HU", "########################"), ("IE", "AAAA##############"),
        ("IT", "A##########HHHHHHHHHHHH"), ("LU", "###HHHHHHHHHHHHH"), ("MT", "AAAA#####HHHHHHHHHHHHHHHHHH"), ("NL", "AAAA##########"),
        ("NO", "###########"), ("PL", "########################"), ("PT", "#####################"), ("RO", "AAAAHHHHHHHHHHHHHHHH"),
        ("SE", "####################"), ("TR", "######HHHHHHHHHHHHHHHH"),
    ]

    /// Letters are the numbers from 10 on.
    private static func numbers(_ text: String) -> String { text.utf8.map { String($0 < 65 ? $0 - 48 : $0 - 55) }.joined() }

    private static func remainder(_ digits: String) -> Int { digits.utf8.reduce(0) { ($0 * 10 + Int($1 - 48)) % 97 } }
}
