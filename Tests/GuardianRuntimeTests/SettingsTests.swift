import Foundation
import GuardianCore
import GuardianPrivacy
import GuardianRuntime
import Testing

@Suite struct SettingsTests {
    @Test("a flag wins over the environment, which wins over the default")
    func precedence() throws {
        #expect(try Settings().text("workers") == "4")
        #expect(try Settings(environment: ["GUARDIAN_WORKERS": "6"]).text("workers") == "6")
        #expect(try Settings(environment: ["GUARDIAN_WORKERS": "6"], flags: ["workers": "9"]).text("workers") == "9")
    }

    @Test(
        "a timeout that the lease would cut short is refused, and both settings are named with what would do",
        arguments: [
            ("30s", "10s", "2m", nil), ("98s", "10s", "2m", nil), ("99s", "10s", "2m", "122s"), ("60s", "2s", "4s", "69s"),
        ] as [(String, String, String, String?)])
    func timeoutFitsIntoTheLease(timeout: String, heartbeat: String, staleAfter: String, wanted: String?) throws {
        var flags = ["upstream.timeout": timeout, "lock.heartbeat": heartbeat, "lock.stale_after": staleAfter]
        let assembly = Assembly(try Settings(flags: flags))
        guard let wanted else { return try assembly.validate() }
        let error = #expect(throws: SettingsError.self) { try assembly.validate() }
        #expect(error?.key == "upstream.timeout")
        #expect(error?.message.contains("Set lock.stale_after to \(wanted) or more") == true, "\(error?.message ?? "")")
        flags["lock.stale_after"] = wanted
        try Assembly(try Settings(flags: flags)).validate()
    }

    @Test("a heartbeat that would keep the disk busy is refused", arguments: [("1ms", false), ("99ms", false), ("100ms", true)])
    func heartbeat(length: String, isTaken: Bool) throws {
        let assembly = Assembly(try Settings(flags: ["lock.heartbeat": length]))
        if isTaken { return try assembly.validate() }
        let error = #expect(throws: SettingsError.self) { try assembly.validate() }
        #expect(error?.key == "lock.heartbeat" && error?.message.contains("100ms") == true)
    }

    @Test(
        "a length of time is a number and its unit, of at most some 250 years",
        arguments: [
            ("50ms", 50), ("30s", 30_000), ("1.5m", 90_000), ("24h", 86_400_000), ("7d", 604_800_000), ("30", nil), ("d", nil),
            ("-1d", nil), ("nand", nil), ("100000d", nil), ("1w", nil),
        ] as [(String, Int64?)])
    func lengths(text: String, milliseconds: Int64?) {
        #expect(Settings.duration(text) == milliseconds.map { Duration.milliseconds($0) })
    }

    @Test("a point in time is RFC 3339, a date, or a length of time before or after now")
    func times() throws {
        let now = try #require(Timestamp(rfc3339: "2026-03-08T12:00:00.000Z"))
        let cases: [(String, Settings.Side, String?)] = [
            ("2026-01-31T09:05:00Z", .past, "2026-01-31T09:05:00.000Z"), ("2026-01-31", .past, "2026-01-31T00:00:00.000Z"),
            ("7d", .past, "2026-03-01T12:00:00.000Z"), ("90s", .past, "2026-03-08T11:58:30.000Z"),
            ("10m", .future, "2026-03-08T12:10:00.000Z"), ("2026-12-31", .future, "2026-12-31T00:00:00.000Z"),
            ("yesterday", .past, nil), ("2026-02-30", .past, nil), ("", .past, nil),
        ]
        for (text, side, wanted) in cases { #expect(Settings.time(text, side, of: now)?.rfc3339 == wanted, "\(text)") }
    }

    @Test("what is said of settings that are wrong stays when it is redacted", arguments: ["seal.key", "upstream.auth.client_secret"])
    func saysWhatToDo(secret: String) throws {
        let stray = try #require(throws: SettingsError.self) { _ = try Settings(flags: [secret: "x"]) }
        let pins = try #require(throws: SettingsError.self) { _ = try Settings(flags: ["upstream.pins": "sha256/AAAA"]) }
        for error in [stray, pins] { #expect(Redactor.standard.redact(error.description) == error.description) }
    }

    @Test("colours are left out where NO_COLOR has a value, and on a terminal that has none")
    func colors() {
        #expect(Assembly.takesColor(in: [:]) && Assembly.takesColor(in: ["NO_COLOR": "", "TERM": "xterm"]))
        #expect(!Assembly.takesColor(in: ["NO_COLOR": "1"]) && !Assembly.takesColor(in: ["TERM": "dumb"]))
    }

    // MARK: Files

    @Test("a configuration and a token may come out of pipes, and are there as often as they are asked for")
    func pipes() throws {
        let directory = NSTemporaryDirectory() + "/guardian-pipes-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let (file, token) = (directory + "/config", directory + "/token")
        for (path, text) in [(file, "workers: 7\ntoken_file: \(token)\n"), (token, "a-token\n")] {
            #expect(mkfifo(path, 0o600) == 0)
            Thread.detachNewThread {
                // Opened when somebody reads.
                let pipe = open(path, O_WRONLY)
                _ = Array(text.utf8).withUnsafeBytes { write(pipe, $0.baseAddress, $0.count) }
                close(pipe)
            }
        }
        for _ in 0..<2 {
            let settings = try Settings(file: file)
            #expect(settings.text("workers") == "7")
            #expect(try settings.secret("token_file") == "a-token")
        }
    }

    @Test("a mark that an editor has put in front of a file is no part of it")
    func byteOrderMark() throws {
        let file = NSTemporaryDirectory() + "/guardian-settings-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        try Data([0xEF, 0xBB, 0xBF] + Array("a-token\r\n".utf8)).write(to: URL(fileURLWithPath: file))
        #expect(try Settings(flags: ["token_file": file]).secret("token_file") == "a-token")
    }

    @Test("a file that can't be read is refused with the reason")
    func unreadable() throws {
        let file = NSTemporaryDirectory() + "/guardian-settings-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        try Data([0xFF, 0xFE]).write(to: URL(fileURLWithPath: file))
        for (path, reason) in [("/nowhere", "No such file or directory"), ("/", "Is a directory"), (file, "it is not UTF-8")] {
            let config = #expect(throws: SettingsError.self) { _ = try Settings(file: path) }
            #expect(config?.message == "\(path) can't be read: \(reason)")
            let secret = #expect(throws: SettingsError.self) { _ = try Settings(flags: ["token_file": path]).secret("token_file") }
            #expect(secret?.description == "token_file: \(path) can't be read: \(reason)")
        }
    }

    @Test("errors of Foundation's are told in the system's words")
    func words() {
        func told(_ body: () throws -> Void) -> String {
            do { try body() } catch { return ErrorWords.of(error) }
            return ""
        }
        let missing = told { try FileManager.default.createDirectory(atPath: "/proc/none/x", withIntermediateDirectories: false) }
        #expect(missing == "/proc/none/x: No such file or directory")
        let directory = told { _ = try FileHandle(forReadingAtPath: "/")?.read(upToCount: 1) }
        #expect(directory == "Is a directory")
        #expect(told { throw StoreError.stale } == StoreError.stale.description)
    }
}
