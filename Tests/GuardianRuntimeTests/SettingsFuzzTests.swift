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
        "<<: *a\n", "a: &a [*a]\n", "\0", "\r\n",
    ]

    @Test("any file is read, or refused with the key and the reason")
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
            } catch let error as SettingsError {
                #expect(!error.key.isEmpty && !error.message.isEmpty)
            }
        }
    }
}
