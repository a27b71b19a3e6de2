import GuardianCore
import GuardianHTTP
import GuardianSQLite

extension Assembly {
    /// Why delivery would send nothing to the upstream: its certificate or its key. nil when it may be trusted, speaks no TLS, or can't be
    /// reached now. Makes a handshake, and sends nothing.
    func distrust() async -> String? {
        do { return try await HTTPTransport.distrust(transportConfiguration(deviceID: "")) } catch {
            // What is wrong with the settings was told before anything was opened.
            return nil
        }
    }

    /// What is worth a word about settings that are otherwise fine.
    public var warnings: [String] {
        var warnings: [String] = []
        if settings.words("upstream.pins").count == 1 {
            warnings.append(
                "upstream.pins: has one pin only; the day its key is lost nothing is delivered: add one of a key kept elsewhere")
        }
        let file = settings.text("seal.key_file")
        if !file.isEmpty, let mode = SQLiteStore.mode(of: file), mode & 0o077 != 0 {
            warnings.append("seal.key_file: \(file) can be read by others; run: chmod 600 \(file)")
        }
        return warnings
    }
}
