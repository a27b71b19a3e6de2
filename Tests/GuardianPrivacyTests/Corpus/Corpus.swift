import GuardianCore

/// Labelled samples from a seed: what has to go, in the ways people and programs write it, and what only looks like it.
struct Corpus {
    enum Kind: String, CaseIterable {
        case email, phone, card, socialSecurity, webToken, credentials, key, url, iban, name

        /// What stands in its place; nil where it depends on what was there.
        var mark: String? {
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
    }

    struct Sample {
        var text: String
        /// What must not be in the result.
        var secret: String
        var kind: Kind
    }

    private var random: Xoshiro256

    init(seed: UInt64) { random = Xoshiro256(seed: seed) }

    mutating func positives(_ kind: Kind, count: Int) -> [Sample] {
        (0..<count).map { _ in
            let secret = secret(kind)
            return Sample(text: pick(Self.frames[kind] ?? ["{}"]).replacing("{}", with: secret), secret: secret, kind: kind)
        }
    }

    mutating func negatives(count: Int) -> [String] {
        (0..<count).map { _ in pick(Self.plainFrames).replacing("{}", with: fill(pick(LookAlikes.all))) }
    }

    // MARK: Random parts

    mutating func pick<Element>(_ list: [Element]) -> Element { list[Int(random.next() % UInt64(list.count))] }

    mutating func digits(_ count: Int) -> String { String((0..<count).map { _ in pick(Array("0123456789")) }) }

    private mutating func text(_ count: Int, _ alphabet: String) -> String {
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
        case .key: fill(pick(Keys.patterns))
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
        // Countries whose accounts are digits only, so that the check can be computed here.
        let country = pick([
            ("ES", 20), ("BE", 12), ("DK", 14), ("DE", 18), ("PL", 24), ("SE", 20), ("AT", 16), ("CZ", 20), ("FI", 14), ("PT", 21),
        ])
        let account = digits(country.1)
        let check = 98 - Self.remainder(account + Self.numbers(country.0) + "00")
        let whole = country.0 + (check < 10 ? "0" : "") + String(check) + account
        return pick([whole, grouped(whole, Array(repeating: 4, count: 9), " "), whole.lowercased()])
    }

    private static func numbers(_ letters: String) -> String { letters.utf8.map { String($0 - 55) }.joined() }

    private static func remainder(_ digits: String) -> Int { digits.utf8.reduce(0) { ($0 * 10 + Int($1 - 48)) % 97 } }
}
