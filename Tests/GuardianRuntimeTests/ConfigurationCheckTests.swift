import Foundation
import GuardianCore
import GuardianRuntime
import Testing

/// What `guardian config check` says: all that is wrong at once, and nothing that is not.
@Suite struct ConfigurationCheckTests {
    private func defects(_ yaml: String, environment: [String: String] = [:]) throws -> [SettingsError] {
        let file = NSTemporaryDirectory() + "/guardian-check-" + UUID().uuidString + ".yaml"
        defer { unlink(file) }
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        return ConfigurationCheck(file: file, environment: environment, flags: [:]).defects
    }

    @Test("the settings that deploy/ has to begin with can be used, what is commented out in them too")
    func sample() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let sample = try String(contentsOf: root.appendingPathComponent("deploy/guardian.yaml"), encoding: .utf8)
        #expect(try defects(sample).isEmpty)
        let commented = sample.split(separator: "\n").map { line in
            guard line.contains(/^  # (auth:|routes:|  - )/) else { return String(line) }
            return String(line.replacing("  # ", with: "  ", maxReplacements: 1))
        }
        #expect(commented.count { $0.contains("bearer_file") || $0.contains("routes:") } == 2)
        let all = try defects(commented.joined(separator: "\n"))
        #expect(all.isEmpty, "\(all)")
    }

    @Test("everything that is wrong is told at once, each thing once, under its key and with what to do")
    func all() throws {
        let yaml = """
            wrokers: 7
            retry: { base: soon, max_attempts: 0 }
            lock: { heartbeat: 1m, stale_after: 90s }
            seal: { key: cnry-1 }
            log: { file: /etc }
            upstream:
              auth: { kind: bearer }
              routes:
                - { operation: update, entity: a, method: PUT, path: x, conflict: mrege }
                - { operation: update, entity: b, method: PUT, path: "/y/{}" }
                - { operation: update, entity: c, methd: PUT, path: /z }
                - { operation: update, entity: d, method: PUT, path: }
            upcasters:
              - { entity: room, from: 1, to: 2, renam: { a: b } }
            """
        let wanted = [
            "environment": "did you mean GUARDIAN_UPSTREAM_URL?", "wrokers": "did you mean workers?",
            "retry.base": "must be a duration such as 500ms", "retry.max_attempts": "must be a whole number from 1 to 1000",
            "seal.key": "put it into the environment (GUARDIAN_SEAL_KEY)", "upstream.auth.kind": "must be one of",
            "upstream.routes[0].path": "must begin with /", "upstream.routes[0].conflict": "must be one of",
            "upstream.routes[1].path": "must name what stands in each {}", "upstream.routes[2].methd": "did you mean method?",
            "upstream.routes[3]": "has no value", "upcasters[0].renam": "did you mean rename?",
            "lock.stale_after": "must be at least twice lock.heartbeat", "log.file": "/etc is a directory; name a file in it",
        ]
        let found = try defects(yaml, environment: ["GUARDIAN_UPSTREAM_ULR": "https://api.example.com"])
        #expect(found.map(\.key).sorted() == wanted.keys.sorted())
        for defect in found {
            #expect(defect.message.contains(wanted[defect.key] ?? "nothing of it"), "\(defect)")
            #expect(!defect.description.contains("cnry-"))
        }
    }

    @Test("a console beyond this machine hears of all three things that it lacks")
    func console() throws {
        let found = try defects("listen: 0.0.0.0:8080\nadmin: { enabled: true }\n")
        #expect(found.map(\.key) == ["token_file", "tls.certificate_file", "admin.token_file"], "\(found)")
    }

    @Test(
        "what would be a mere consequence is not told",
        arguments: [
            ("lock: { heartbeat: soon, stale_after: 5s }", ["lock.heartbeat"]), ("lock: { stale_after: 5x }", ["lock.stale_after"]),
            ("upstream: { allow_insecure: maybe, url: http://api.example.com }", ["upstream.allow_insecure"]),
            ("upstream: { timeout: 10m }\nlock: { stale_after: long }", ["lock.stale_after"]),
            ("upstream: { routes: [{ method: PUT, path: [[]] }] }", ["upstream.routes[0].path"]), ("listen: [", ["config"]),
            ("[]", ["config"]),
        ] as [(String, [String])])
    func consequences(yaml: String, keys: [String]) throws {
        let found = try defects(yaml, environment: keys == ["config"] ? ["GUARDIAN_LISTEN": "0.0.0.0:8080"] : [:])
        #expect(found.map(\.key) == keys, "\(found)")
    }

    @Test("a configuration that can be used has nothing to be told of, and what is told first is what stops a start")
    func good() throws {
        #expect(try defects("workers: 7\nupstream: { url: https://api.example.com }\n").isEmpty)
        #expect(ConfigurationCheck(file: nil, environment: [:], flags: [:]).defects.isEmpty)
        let flags = ["workers": "many", "retry.base": "soon"]
        let first = try #require(throws: SettingsError.self) { _ = try Settings(flags: flags) }
        let all = ConfigurationCheck(file: nil, environment: [:], flags: flags).defects
        #expect(all.map(\.key) == ["workers", "retry.base"] && all.first?.description == first.description)
        let unread = ConfigurationCheck(file: "/nowhere", environment: [:], flags: flags).defects
        #expect(unread.map(\.key) == ["config", "workers", "retry.base"])
    }

    @Test("log.file must lead to a regular file, or to none yet; a sidecar starts all the same, and says so")
    func logFile() throws {
        let directory = NSTemporaryDirectory() + "/guardian-check-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let (pipe, file) = (directory + "/pipe", directory + "/file")
        #expect(mkfifo(pipe, 0o600) == 0)
        try Data().write(to: URL(fileURLWithPath: file))
        for (path, told) in [
            (directory, "is a directory"), (pipe, "is no regular file"), ("/dev/null", "is no regular file"),
            (file + "/x.log", "is a file"),
        ] {
            let flags = ["log.file": path]
            let found = ConfigurationCheck(file: nil, environment: [:], flags: flags).defects
            #expect(found.map(\.key) == ["log.file"] && found.first?.message.contains(told) == true, "\(path): \(found)")
            let warnings = Assembly(try Settings(flags: flags)).warnings
            #expect(warnings.contains { $0.hasPrefix("log.file: \(path) ") }, "\(warnings)")
        }
        for path in ["off", file, directory + "/new/guardian.log"] {
            let flags = ["log.file": path]
            #expect(ConfigurationCheck(file: nil, environment: [:], flags: flags).defects.isEmpty, "\(path)")
            #expect(Assembly(try Settings(flags: flags)).warnings.isEmpty)
        }
    }
}
