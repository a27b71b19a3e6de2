import Foundation
import GuardianPrivacy
import Testing

/// Whatever we say goes through the redactor on its way out. A sentence that tells people what to do with a token or a pin must come out
/// whole.
@Suite("Our own words")
struct OwnWordsTests {
    /// Every source file but those that speak SQL, which nobody is shown.
    private func sources() throws -> [(path: String, text: String)] {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        root.appendPathComponent("Sources")
        let paths = try FileManager.default.subpathsOfDirectory(atPath: root.path).filter { path in
            path.hasSuffix(".swift") && !path.hasPrefix("GuardianSQLite/") && !path.hasPrefix("GuardianPostgres/")
        }
        return try paths.map { ($0, try String(contentsOf: root.appendingPathComponent($0), encoding: .utf8)) }
    }

    private func expectWhole(_ sentence: String, _ path: String) {
        let shown = Redactor.standard.redact(sentence)
        if shown != sentence { Issue.record("\(path): \(shown)") }
    }

    @Test("No sentence in the sources is cut")
    func sentences() throws {
        var count = 0
        for (path, text) in try sources() {
            for line in text.split(separator: "\n") where line.contains("\"") && !line.drop(while: \.isWhitespace).hasPrefix("//") {
                for match in line.matches(of: /"((?:[^"\\]|\\.)*)"/) where match.1.contains(" ") {
                    count += 1
                    expectWhole(String(match.1), path)
                }
            }
        }
        #expect(count > 1000)
    }

    @Test("What is wrong with a setting or a field is not cut behind its name either")
    func errors() throws {
        var count = 0
        let error = /(?:SettingsError\(|key: |field: )\s*"([^"]+)",\s*(?:message: |constraint: )?"((?:[^"\\]|\\.)*)"/
        for (path, text) in try sources() where text.contains("SettingsError(") || text.contains("key: ") || text.contains("field: ") {
            for match in text.matches(of: error) {
                count += 1
                expectWhole("\(match.1): \(match.2)", path)
            }
        }
        #expect(count > 40)
    }
}
