import GuardianServer
import Testing

@Suite struct LoopbackTests {
    @Test("only loopback addresses count as this machine", arguments: [("127.0.0.1", true), ("::1", true), ("127.example.com", false)])
    func loopback(host: String, isLocal: Bool) { #expect(APIServer.Configuration(host: host).isLoopback == isLocal) }
}
