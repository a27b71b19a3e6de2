import Foundation
import GuardianCore
import Testing

/// A data directory of its own, and how `serve` and commands are called on it.
struct Workplace {
    let path = NSTemporaryDirectory() + "/guardian-process-" + UUID().uuidString

    /// Waits that suit a test.
    static let quick = [
        "GUARDIAN_RETRY_BASE": "50ms", "GUARDIAN_RETRY_MAX": "500ms", "GUARDIAN_BREAKER_COOL_DOWN": "300ms",
        "GUARDIAN_UPSTREAM_CONNECT_TIMEOUT": "1s",
    ]

    /// Where nobody answers.
    static let nobody = "http://127.0.0.1:1"

    init() throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    var store: String { path + "/guardian.sqlite" }

    func arguments(upstream: String, _ more: [String] = []) -> [String] {
        ["serve", "--data-dir", path, "--listen", "127.0.0.1:0", "--upstream", upstream] + more
    }

    func serve(upstream: String, _ more: [String] = []) async throws -> Guardian {
        try await Guardian.start(arguments(upstream: upstream, more), environment: Self.quick)
    }

    /// Runs a command on this data directory.
    func run(_ command: String..., environment: [String: String] = [:]) async throws -> Guardian.Answer {
        try await Guardian.run(command + ["--data-dir", path], environment: environment)
    }

    /// Starts `serve` where the store can't be opened; returns when it has said so.
    func serveNotReady() async throws -> Guardian {
        try await Guardian.start(arguments(upstream: Self.nobody), environment: Self.quick, ready: "not ready on ")
    }

    /// Enqueues an update of an entity of its own.
    func enqueue(_ id: String) async throws -> Guardian.Answer {
        try await run(
            "enqueue", "--operation", "update", "--entity-type", "room", "--entity-id", id, "--id", id, "--payload", #"{"seq":1}"#,
            "--json")
    }

    /// What SQLite's own shell says on the store.
    @discardableResult
    func sqlite(_ sql: String) async throws -> String {
        let answer = try await Shell.run(["sqlite3", "-cmd", ".timeout 10000", store, sql])
        #expect(answer.status == 0, "\(answer.errors)")
        return answer.output
    }

    /// Expects that `check` finds nothing wrong.
    func expectBalance() async throws {
        let check = try await run("check", "--json")
        #expect(check.status == 0, "\(check.output)\(check.errors)")
        #expect(check.json["gap"]?.integer == 0)
    }

    func remove() {
        do { try FileManager.default.removeItem(atPath: path) } catch {}
    }
}

/// The seed of a test: `GUARDIAN_SEED`, or a fresh one. Printed, so that a failure can be played again.
func seed(for test: String) -> UInt64 {
    let seed = ProcessInfo.processInfo.environment["GUARDIAN_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000_000)
    print("\(test): GUARDIAN_SEED=\(seed)")
    return seed
}
