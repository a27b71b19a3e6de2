import Foundation
import GuardianCore
import GuardianPrivacy
import Testing

/// Seeded inputs without end: `GUARDIAN_FUZZ_INPUTS` says how many each, `GUARDIAN_SEED` which.
@Suite("Inputs that nobody would write")
struct FuzzTests {
    static let inputs = ProcessInfo.processInfo.environment["GUARDIAN_FUZZ_INPUTS"].flatMap { Int($0) } ?? 3000
    static let seed = ProcessInfo.processInfo.environment["GUARDIAN_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000_000)

    /// What inputs are made of: things that begin something, end something, or are looked at closely.
    static let pieces: [String] = [
        "a", "@", ".", "example.com", "password", "=", ":", "\"", "\\", "\\\"", "\\u0040", "%40", "{", "}", "[", "]", ",", " ", "\n",
        "\r\n", "\t", "\0", "+1 555", "-", "(", ")",
        "4111 1111 1111 1111", "123-45-6789", "2024-01-15", "eyJhbGciOiJI", "Bearer ", "AKIA", "://", "user:pw@", "?token=", "&", "<pin>",
        "</pin>", "-----BEGIN RSA PRIVATE KEY-----",
        "-----END", "DE89", "3704", "é", "用", "\u{FF0E}", "null", "true", "1e9", "0", "9", "--secret ", "'", "`", "[REDACTED]", "***",
        "tokens", "phone ", "order ", "=>", "::",
    ]

    static func input(_ random: inout Xoshiro256) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<(random.next() % 24) {
            if random.next() % 8 == 0 {
                for _ in 0..<(random.next() % 6) { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
            } else {
                bytes.append(contentsOf: pieces[Int(random.next() % UInt64(pieces.count))].utf8)
            }
        }
        return bytes
    }

    @Test("The redactor traps on nothing and keeps the lines, the second time too")
    func redactor() {
        var random = Xoshiro256(seed: Self.seed)
        print("GUARDIAN_SEED=\(Self.seed)")
        let redactor = Redactor.standard
        for _ in 0..<Self.inputs {
            let input = Self.input(&random)
            let once = redactor.redact(input)
            let breaks = { (bytes: [UInt8]) in bytes.count { $0 == 0x0A } }
            #expect(breaks(once) == breaks(input), "\(String(decoding: input, as: UTF8.self).debugDescription)")
            let twice = redactor.redact(once)
            #expect(breaks(twice) == breaks(input), "\(String(decoding: input, as: UTF8.self).debugDescription)")
        }
    }

    @Test("JSON stays JSON, and no canary under a sensitive name comes through")
    func json() throws {
        var random = Xoshiro256(seed: Self.seed)
        let names = ["password", "apiKey", "X-Auth-Token", "note", "id", "pin", "phones", "a\"b", "é", "tokens"]
        func value(_ depth: Int, _ secret: Bool) -> JSONValue {
            switch random.next() % (depth > 4 ? 4 : 6) {
            case 0: return .null
            case 1: return .number(String(random.next() % 1_000_000_000_000))
            case 2: return secret ? "canary-5f2e" : .string(String(decoding: Self.input(&random), as: UTF8.self))
            case 3: return .bool(true)
            case 4: return .array((0..<(random.next() % 4)).map { _ in value(depth + 1, secret) })
            default:
                return .object(
                    (0..<(random.next() % 4)).map { _ in
                        let name = names[Int(random.next() % UInt64(names.count))]
                        let hides = ["password", "apiKey", "X-Auth-Token", "pin"].contains(name)
                        return JSONValue.Member(name, value(depth + 1, secret || hides))
                    })
            }
        }
        for _ in 0..<Self.inputs / 4 {
            let whole = value(0, false)
            let text = whole.text
            let redacted = Redactor.standard.redact(json: text)
            #expect(!redacted.contains("canary-5f2e"), "\(text)")
            _ = try JSONValue(parsing: redacted)
            #expect(!Redactor.standard.redact(whole).text.contains("canary-5f2e"), "\(text)")
        }
        for _ in 0..<Self.inputs {
            let input = Self.input(&random)
            var out: [UInt8] = []
            input.withUnsafeBufferPointer { Redactor.standard.redact(json: $0, into: &out) }
        }
    }

    @Test("An app's patterns are read or refused, and match in bounds")
    func patterns() {
        var random = Xoshiro256(seed: Self.seed)
        for _ in 0..<Self.inputs / 4 {
            let text = String(decoding: Self.input(&random), as: UTF8.self) + (random.next() % 2 == 0 ? "#{2,5}" : "[A-F]{3}")
            do throws(RedactionPattern.Defect) {
                let redactor = Redactor(patterns: [try RedactionPattern(text)])
                _ = redactor.redact(Self.input(&random))
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }

    @Test("CSV rows keep their number of cells whatever stands in them, and no canary comes through")
    func csv() {
        var random = Xoshiro256(seed: Self.seed)
        let time = Timestamp(milliseconds: 1_700_000_000_000)
        for _ in 0..<Self.inputs / 4 {
            var writer = ExportWriter(format: .csv, includingPayload: true, exportedAt: time)
            let text = String(decoding: Self.input(&random), as: UTF8.self)
            let id = OperationID(text) ?? .uuid(UniqueID(high: random.next(), low: random.next()))
            let payload = JSONValue.object([.init("a", .string(text)), .init("apiKey", .string("canary-5f2e" + text))]).text
            let operation = Operation(
                id: id, idempotencyKey: UniqueID(high: 1, low: 2), traceID: UniqueID(high: 3, low: 4), type: text,
                entity: EntityKey(type: text, id: text + " canary-5f2e@example.com"),
                payload: random.next() % 2 == 0 ? payload : text, enqueuedAt: time)
            writer.append(operation)
            var out: [UInt8] = []
            writer.drain(into: &out)
            #expect(!String(decoding: out, as: UTF8.self).contains("canary-5f2e"), "\(text.debugDescription)")
            let cells = CSVReader.rows(String(decoding: out, as: UTF8.self))
            #expect(cells.count == 1 && cells.first?.count == 10, "\(text.debugDescription)")
            for cell in cells.first ?? [] { #expect(!"=+-@\t\r".contains(cell.first ?? "x"), "\(cell.debugDescription)") }
        }
    }
}
