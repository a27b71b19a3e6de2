import Foundation
import GuardianRuntime
import Testing

@Suite struct RedactionSettingsTests {
    private func settings(_ yaml: String) throws -> Settings {
        let file = NSTemporaryDirectory() + "/guardian-redaction-" + UUID().uuidString
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        return try Settings(file: file)
    }

    @Test("names and patterns may be lists, and a pattern that can't be read is refused with its key")
    func lists() throws {
        let read = try settings("redaction:\n  names: [patientId, mrn]\n  patterns: ['MRN-#{6,10}', 'AB-##']\n")
        #expect(read.text("redaction.names") == "patientId,mrn")
        #expect(read.text("redaction.patterns") == "MRN-#{6,10}\nAB-##")
        #expect(throws: SettingsError.self) { try settings("redaction: { patterns: 'x{' }") }
    }

    @Test("config print shows no credentials that stand in a value")
    func printed() throws {
        let read = try settings("upstream: { url: 'https://user:canary@a.example/?token=canary' }")
        #expect(!read.description.contains("canary"), "\(read)")
    }
}
