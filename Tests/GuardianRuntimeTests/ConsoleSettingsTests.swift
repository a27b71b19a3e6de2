import Foundation
import GuardianRuntime
import Testing

@Suite struct ConsoleSettingsTests {
    private func complaint(_ flags: [String: String]) throws -> SettingsError? {
        do { try Assembly(try Settings(flags: flags)).validate() } catch let error as SettingsError { return error }
        return nil
    }

    private func withTokenFile(_ content: String, mode: Int = 0o600, _ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "/guardian-tokens-" + UUID().uuidString
        _ = FileManager.default.createFile(atPath: path, contents: Data(content.utf8), attributes: [.posixPermissions: mode])
        defer { do { try FileManager.default.removeItem(atPath: path) } catch {} }
        try body(path)
    }

    @Test("the console is off by default; on loopback without a token file a token is made for the process")
    func off() throws {
        #expect(try Assembly(Settings()).console() == nil)
        let made = try #require(try Assembly(Settings(flags: ["admin.enabled": "true"])).console())
        #expect(made.token?.count == 32)
        let other = try Assembly(Settings(flags: ["admin.enabled": "true"])).console()
        #expect(other?.token != made.token)
    }

    @Test("a console beyond this machine needs a token file, and is refused without TLS")
    func beyondLoopback() throws {
        let found = try complaint(["admin.enabled": "true", "listen": "0.0.0.0:8080"])
        #expect(found != nil)
        try withTokenFile("admin 0123456789abcdef") { (file: String) throws in
            let found = try complaint(["admin.enabled": "true", "listen": "0.0.0.0:8080", "admin.token_file": file])
            #expect(found != nil)
        }
    }

    @Test("a token file that others can read, that is missing, or that is wrong, is named")
    func tokenFiles() throws {
        try withTokenFile("viewer 0123456789abcdef anna\nadmin fedcba9876543210") { (file: String) throws in
            #expect(try complaint(["admin.enabled": "true", "admin.token_file": file]) == nil)
            #expect(try Assembly(Settings(flags: ["admin.enabled": "true", "admin.token_file": file])).console()?.token == nil)
        }
        try withTokenFile("admin 0123456789abcdef", mode: 0o644) { (file: String) throws in
            let found = try complaint(["admin.enabled": "true", "admin.token_file": file])
            #expect(found?.key == "admin.token_file")
            #expect(found?.message.contains("chmod 600") == true)
        }
        try withTokenFile("admin short") { (file: String) throws in
            #expect(try complaint(["admin.enabled": "true", "admin.token_file": file])?.message.contains("line 1") == true)
        }
        #expect(try complaint(["admin.enabled": "true", "admin.token_file": "/nowhere"])?.key == "admin.token_file")
        #expect(try complaint(["admin.enabled": "maybe"])?.key == "admin.enabled")
    }
}
