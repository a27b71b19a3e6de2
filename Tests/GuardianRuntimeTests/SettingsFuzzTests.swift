import Foundation
import GuardianCore
import GuardianRuntime
import Testing

/// Seeded configuration files that nobody would write.
@Suite struct SettingsFuzzTests {
    static let pieces: [String] = [
        "data_dir: ./x\n", "workers: 4\n", "workers: x\n", "upstream:\n", "  url: https://a.example\n", "  routes:\n",
        "    - { operation: update, entity: room }\n", "    - 5\n",
        "retry: { base: 1s, max: 30s }\n", "retry: [", "]", "{", "}", ": ", "- ", "&a ", "*a", "!!binary ", "? ", "|\n", ">\n", "\"", "'",
        "#", "\t", "---\n", "...\n", "%YAML 1.2\n",
        "é", "\u{1F600}", "~", "null", "1e999", "0x10", "999999999999999999999", "breaker:\n  window: -5s\n", "log: { level: loud }\n",
        "upcasters:\n  - {}\n", "admin: { enabled: maybe }\n",
        "<<: *a\n", "a: &a [*a]\n", "\0", "\r\n", "seal: { key: cnry-Seal-1 }\n", "    client_secret: cnry-Secret-1\n",
        "store: postgresql://u:cnry-Pw-1@h/db\n",
    ]

    @Test("any file is read, or refused with the key and the reason, and no secret of it is said")
    func anything() throws {
        let inputs = (ProcessInfo.processInfo.environment["GUARDIAN_FUZZ_INPUTS"].flatMap { Int($0) } ?? 3000) / 10
        let seed = ProcessInfo.processInfo.environment["GUARDIAN_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000_000)
        print("GUARDIAN_SEED=\(seed)")
        let file = NSTemporaryDirectory() + "/guardian-settings-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        var random = Xoshiro256(seed: seed)
        for _ in 0..<inputs {
            var bytes: [UInt8] = []
            for _ in 0..<(random.next() % 12) {
                bytes.append(contentsOf: Self.pieces[Int(random.next() % UInt64(Self.pieces.count))].utf8)
                if random.next() % 20 == 0 { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
            }
            try Data(bytes).write(to: URL(fileURLWithPath: file))
            do {
                let settings = try Settings(file: file)
                #expect(!settings.lines.isEmpty)
                #expect(!settings.description.contains("cnry-"), "\(settings)")
            } catch let error as SettingsError {
                #expect(!error.key.isEmpty && !error.message.isEmpty)
                #expect(!error.description.contains("cnry-"), "\(error)")
            }
        }
    }

    @Test(
        "a file that is no YAML is refused with the place, not with what stands there; a key that can be none is not repeated",
        arguments: [
            ("workers: 4\nupstream:\n  auth:\n    client_secret: cnry-1 [\n   x: cnry-2\n", "line"),
            ("seal: { key: cnry-1 \nstore: x", "line"), ("token: \"cnry-1", "line"), ("a: 1\na: 2\n", "twice"),
            ("\"seal: { key: cnry-1 }\": 5\n", "\"seal\""), ("x: { \"client_secret=cnry-1\": { a: 1 } }\n", "\"client_secret\""),
        ])
    func saysWhere(yaml: String, says: String) throws {
        let file = NSTemporaryDirectory() + "/guardian-settings-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        let error = try #require(throws: SettingsError.self) { _ = try Settings(file: file) }
        #expect(error.key == "config" && error.message.contains(says), "\(error)")
        #expect(!error.description.contains("cnry-"), "\(error)")
    }
}
