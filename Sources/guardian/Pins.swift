import ArgumentParser
import Foundation
import GuardianCore
import GuardianHTTP
import GuardianRuntime

struct Pins: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the pin of a server's key, for upstream.pins; exit 1 when the server can't be trusted.",
        discussion: """
            Makes a TLS connection and sends nothing. The first line is the pin of the server's own key. Look at it from a network that \
            you trust, and add a second pin, of a key that you keep elsewhere for the day the first is lost:
              openssl pkey -in spare-key.pem -pubout -outform der |
                openssl dgst -sha256 -binary | base64
            To change keys: pin the new one beside the old, restart, change the server's certificate, and take the old pin out.
            Example: guardian pins https://api.example.com
            """)
    @Argument(help: "https://host[:port]") var url: String
    @Option(help: "The YAML configuration file, for upstream.ca_file.") var config: String?
    @Option(help: "PEM file of authorities to trust instead of the system's.") var caFile: String?
    @Flag(help: "Print the pin of a server that can't be trusted too. Whoever answers may be anybody.") var untrusted = false
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let settings = try Settings(file: config, environment: Launch.environment)
        let file = caFile ?? settings.text("upstream.ca_file")
        let keys: ServerKeys
        do {
            keys = try await ServerKeys.of(url: url, authoritiesFile: file.isEmpty ? nil : file)
        } catch let error as HTTPConfigurationError {
            throw Failure(.usage, error.description)
        } catch {
            throw Failure(.failed, "\(url): no TLS connection: \(HTTPTransport.words(for: error))")
        }
        if let distrust = keys.distrust, !untrusted {
            throw Failure(.failed, "\(url): \(distrust); its pin is not printed (--untrusted prints it)")
        }
        if json { return Terminal.say(Self.json(url, keys).text) }
        if let distrust = keys.distrust { Terminal.complain("\(url): \(distrust)") }
        guard let own = keys.chain.first else { throw Failure(.failed, "\(url) has shown no certificate") }
        Terminal.complain("\(own.subject), until \(Timestamp(milliseconds: own.expires * 1000).rfc3339)")
        Terminal.say(own.pin.description)
    }

    private static func json(_ url: String, _ keys: ServerKeys) -> JSONValue {
        let chain = keys.chain.map { shown -> JSONValue in
            [
                "pin": .string(shown.pin.description), "subject": .string(shown.subject),
                "not_after": .string(Timestamp(milliseconds: shown.expires * 1000).rfc3339),
            ]
        }
        return [
            "url": .string(url), "pin": keys.chain.first.map { .string($0.pin.description) } ?? .null,
            "trusted": .bool(keys.distrust == nil), "reason": keys.distrust.map { .string($0) } ?? .null, "chain": .array(chain),
        ]
    }
}
