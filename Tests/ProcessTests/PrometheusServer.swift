import Foundation
import GuardianCore
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A real Prometheus server of its own, scraping one sidecar every second with the rules that we ship.
final class PrometheusServer: @unchecked Sendable {
    // `Process` is used by the one test that made it.
    private let process = Process()
    private let directory: String
    let url: String

    /// Whether the commands of the Debian packages `prometheus` and `prometheus-alertmanager` are here.
    static let isHere = ["prometheus", "promtool", "amtool"].allSatisfy { command in
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: $0 + "/" + command)
        }
    }

    static let missing: Comment = "needs prometheus and prometheus-alertmanager (make setup)"

    /// A file of the repository.
    static func repository(_ path: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(path).path
    }

    /// Starts one that scrapes `target`, `host:port`; returns when it answers.
    init(scraping target: String) async throws {
        directory = NSTemporaryDirectory() + "/guardian-prometheus-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        // The shipped example, with another target and a shorter interval.
        var text = try String(contentsOfFile: Self.repository("deploy/prometheus/prometheus.yml"), encoding: .utf8)
        for (old, new) in [
            ("15s", "1s"), ("rules.yml", Self.repository("deploy/prometheus/rules.yml")), ("127.0.0.1:8080", target),
        ] {
            #expect(text.contains(old), "the example has no \(old)")
            text = text.replacing(old, with: new)
        }
        try text.write(toFile: directory + "/prometheus.yml", atomically: true, encoding: .utf8)
        let port = try Self.freePort()
        url = "http://127.0.0.1:\(port)"
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "prometheus", "--config.file=\(directory)/prometheus.yml", "--storage.tsdb.path=\(directory)/data",
            "--web.listen-address=127.0.0.1:\(port)", "--enable-feature=exemplar-storage", "--log.level=warn",
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        try await Web.wait("prometheus") {
            do { return try await Web.get(self.url, "/-/ready").status == 200 } catch is Web.NoAnswer { return false }
        }
    }

    func stop() {
        process.end()
        do { try FileManager.default.removeItem(atPath: directory) } catch {}
    }

    /// The answer to a query at this moment: labels and value of each series.
    func query(_ expression: String) async throws -> [(labels: JSONValue, value: String)] {
        let answer = try await get("/api/v1/query", ["query": expression])
        return (answer["result"]?.elements ?? []).map { ($0["metric"] ?? .null, $0["value"]?.elements?.last?.string ?? "") }
    }

    /// What stands under `data`.
    func get(_ path: String, _ parameters: [String: String] = [:]) async throws -> JSONValue {
        let allowed = CharacterSet.alphanumerics
        let query = parameters.map { "\($0.key)=\($0.value.addingPercentEncoding(withAllowedCharacters: allowed) ?? "")" }
        let answer = try await Web.get(url, query.isEmpty ? path : path + "?" + query.joined(separator: "&"))
        #expect(answer.status == 200, "\(path) \(parameters): \(answer.body.prefix(500))")
        return answer.json["data"] ?? .null
    }

    private static func freePort() throws -> UInt16 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        return isBound ? UInt16(bigEndian: address.sin_port) : 19_090
    }
}
