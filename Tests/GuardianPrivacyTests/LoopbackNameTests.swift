import GuardianPrivacy
import Testing

@Suite struct LoopbackNameTests {
    @Test("only what this machine alone answers to is loopback", arguments: ["localhost", "LocalHost", "127.0.0.1", "127.255.0.9", "::1"])
    func loopback(host: String) { #expect(LoopbackName.isOne(host)) }

    @Test(
        "what only looks like it is not",
        arguments: ["", "localhost.example.com", "127.example.com", "127.0.0", "127.0.0.256", "127.0.0.1.", "128.0.0.1", "0.0.0.0", "::"])
    func lookalike(host: String) { #expect(!LoopbackName.isOne(host)) }
}
