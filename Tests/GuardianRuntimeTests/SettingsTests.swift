import GuardianRuntime
import Testing

@Suite struct SettingsTests {
    @Test("a flag wins over the environment, which wins over the default")
    func precedence() throws {
        #expect(try Settings().text("workers") == "4")
        #expect(try Settings(environment: ["GUARDIAN_WORKERS": "6"]).text("workers") == "6")
        #expect(try Settings(environment: ["GUARDIAN_WORKERS": "6"], flags: ["workers": "9"]).text("workers") == "9")
    }
}
