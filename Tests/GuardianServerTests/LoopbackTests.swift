import GuardianServer
import Testing

@Suite struct LoopbackTests {
    @Test("only loopback addresses count as this machine", arguments: [("127.0.0.1", true), ("::1", true), ("127.example.com", false)])
    func loopback(host: String, isLocal: Bool) { #expect(APIServer.Configuration(host: host).isLoopback == isLocal) }

    @Test("a socket is this machine's too, whatever host stands beside it")
    func socket() { #expect(APIServer.Configuration(host: "0.0.0.0", socketPath: "/run/x.sock").isLoopback) }

    @Test("an address is written as a URL that can be used")
    func url() {
        #expect(APIServer.Configuration().url(port: 81) == "http://127.0.0.1:81")
        #expect(APIServer.Configuration(host: "::1").url(port: 81) == "http://[::1]:81")
        #expect(APIServer.Configuration(host: "::1", port: 81).requestURL(path: "/v1/status") == "http://[::1]:81/v1/status")
        #expect(APIServer.Configuration(host: "::", port: 81).requestURL(path: "/a") == "http://[::1]:81/a")
        var everywhere = APIServer.Configuration(host: "0.0.0.0", port: 81)
        everywhere.certificate = .init(certificateFile: "c", keyFile: "k")
        #expect(everywhere.requestURL(path: "/a") == "https://127.0.0.1:81/a")
        #expect(everywhere.url(port: 81) == "https://0.0.0.0:81")
        #expect(APIServer.Configuration(socketPath: "/run/x.sock").url(port: 0) == "unix:/run/x.sock")
        #expect(APIServer.Configuration(socketPath: "/run/é x.sock").requestURL(path: "/a") == "http+unix://%2frun%2f%c3%a9%20x%2esock/a")
    }
}
