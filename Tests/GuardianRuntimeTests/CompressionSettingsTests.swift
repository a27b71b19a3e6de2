import Foundation
import GuardianHTTP
import GuardianRuntime
import Testing

@Suite struct CompressionSettingsTests {
    @Test("nothing is compressed unless it is asked for")
    func defaults() throws {
        let settings = try Settings()
        #expect(settings.text("upstream.compression") == "none")
        let configuration = try Assembly(settings).transportConfiguration(deviceID: "d")
        #expect(configuration.compression == .none)
        #expect(configuration.compressionMinBytes == 1024)
    }

    @Test("compression and its least size come from the file or the environment, and are printed with their sources")
    func taken() throws {
        let file = NSTemporaryDirectory() + "/guardian-settings-" + UUID().uuidString + ".yaml"
        defer { unlink(file) }
        try "upstream: { compression: gzip }\n".write(toFile: file, atomically: true, encoding: .utf8)
        let settings = try Settings(file: file, environment: ["GUARDIAN_UPSTREAM_COMPRESSION_MIN_SIZE": "4KiB"])
        let assembly = Assembly(settings)
        try assembly.validate()
        let configuration = try assembly.transportConfiguration(deviceID: "d")
        #expect(configuration.compression == .gzip)
        #expect(configuration.compressionMinBytes == 4096)
        let lines = settings.lines.filter { $0.key.hasPrefix("upstream.compression") }.map { [$0.key, $0.value, $0.source] }
        #expect(lines == [["upstream.compression", "gzip", "file"], ["upstream.compression_min_size", "4KiB", "environment"]])
    }

    @Test(
        "what is no coding and what is no size is refused under its key",
        arguments: [
            ("upstream.compression", "brotli"), ("upstream.compression", ""), ("upstream.compression_min_size", "1024"),
            ("upstream.compression_min_size", "-1KiB"), ("upstream.compression_min_size", "9MiB"),
        ])
    func refused(key: String, text: String) throws {
        let error = try #require(throws: SettingsError.self) { _ = try Settings(flags: [key: text]) }
        #expect(error.key == key)
        #expect(error.message.contains("\"\(text)\""))
    }
}
