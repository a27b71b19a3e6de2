import Foundation
import Testing

/// The runbook as a list of command blocks: under which heading, for what, and the commands.
struct Runbook {
    struct Block: Sendable, CustomTestStringConvertible {
        var section: String
        /// `setup`, `run`, `look` or `cure`.
        var role: String
        var commands: String
        var testDescription: String { "\(section): \(commands.split(separator: "\n").first ?? "")" }
    }

    let blocks: [Block]

    static func read() throws -> Runbook {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("docs/runbooks/sync_runbook.md")
        return Runbook(try String(contentsOf: file, encoding: .utf8))
    }

    init(_ text: String) {
        var blocks: [Block] = []
        var section = ""
        var open: Block?
        for line in text.components(separatedBy: "\n") {
            if var block = open {
                if line == "```" {
                    blocks.append(block)
                    open = nil
                } else {
                    block.commands += line + "\n"
                    open = block
                }
            } else if line.hasPrefix("```sh") {
                open = Block(section: section, role: String(line.dropFirst(5)).trimmingCharacters(in: .whitespaces), commands: "")
            } else if line.hasPrefix("#") {
                section = line.drop { $0 == "#" || $0 == " " }.description
            }
        }
        self.blocks = blocks
    }

    func blocks(_ section: String, _ role: String) throws -> [Block] {
        let found = blocks.filter { $0.section == section && $0.role == role }
        try #require(!found.isEmpty, "the runbook has no \(role) under \(section)")
        return found
    }
}

/// A daemon and its upstream, as somebody on call finds them, and the shell that commands of the runbook are run in.
struct OnCall {
    let workplace: Workplace
    let backend: Guardian
    let serve: Guardian

    /// `environment` is the daemon's, `flags` are the upstream's.
    static func with(
        _ environment: [String: String] = [:], upstream flags: [String] = [], _ body: (OnCall) async throws -> Void
    ) async throws {
        let workplace = try Workplace()
        defer { workplace.remove() }
        let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"] + flags)
        defer { backend.kill() }
        let serve = try await Guardian.start(
            workplace.arguments(upstream: backend.url), environment: Workplace.quick.merging(environment) { $1 })
        defer { serve.kill() }
        try await body(OnCall(workplace: workplace, backend: backend, serve: serve))
    }

    /// What the setup block does, with the places of this daemon in the stead of those that the page names.
    private func setup() throws -> String {
        let commands = try Runbook.read().blocks.filter { $0.role == "setup" }.map(\.commands).joined()
        try #require(commands.contains("/var/lib/guardian") && commands.contains("127.0.0.1:8080"), "\(commands)")
        return commands.replacingOccurrences(of: "/var/lib/guardian", with: workplace.path)
            .replacingOccurrences(of: "127.0.0.1:8080", with: serve.url.replacingOccurrences(of: "http://", with: ""))
    }

    /// Runs a block behind the setup, as a person would; it must end with 0. Returns what it said.
    @discardableResult
    func run(_ block: Runbook.Block) async throws -> String {
        let folder = URL(fileURLWithPath: Guardian.binary).deletingLastPathComponent().path
        let path = folder + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
        let environment = ["PATH": path, "GUARDIAN_UPSTREAM_URL": backend.url]
        let script = "cd '\(workplace.path)' && set -euo pipefail\n" + (try setup()) + block.commands
        let answer = try await Shell.run(["bash", "-c", script], environment: environment)
        #expect(answer.status == 0, "\(block.section), \(block.role): \(block.commands)\(answer.output)\(answer.errors)")
        return answer.output + answer.errors
    }

    func run(_ section: String, _ role: String) async throws -> String {
        var said = ""
        for block in try Runbook.read().blocks(section, role) { said += try await run(block) }
        return said
    }

    /// Enqueues updates of `count` rooms, `r1` and so on.
    func enqueue(_ count: Int, prefix: String = "o") async throws {
        let lines = (1...count).map {
            #"{"id":"\#(prefix)\#($0)","operation_type":"update","entity_type":"room","entity_id":"r\#($0)","payload":{"seq":\#($0)}}"#
        }
        let file = workplace.path + "/\(prefix).ndjson"
        try (lines.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        let answer = try await workplace.run("enqueue", "--from-file", file, "--json")
        #expect(answer.status == 0, "\(answer.errors)")
    }

    func waitProcessed(_ count: Int, _ url: String? = nil) async throws {
        try await Web.wait("\(count) processed") { try await Web.processed(url ?? serve.url) == count }
    }
}
