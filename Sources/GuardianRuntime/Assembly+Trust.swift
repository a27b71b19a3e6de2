import Foundation
import GuardianCore
import GuardianHTTP

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
    package var warnings: [String] {
        var warnings: [String] = []
        if settings.words("upstream.pins").count == 1 {
            warnings.append(
                "upstream.pins: has one pin only; the day its key is lost nothing is delivered: add one of a key kept elsewhere")
        }
        // The sidecar takes writes all the same.
        if let defect = logFileDefect { warnings.append("\(defect.description); until then the lines go to stderr") }
        return warnings + openSecrets
    }

    /// Keys of files that hold a secret. Not among them is `admin.token_file`: one that others can read is refused.
    private static let secretFiles = [
        "token_file", "tls.key_file", "seal.key_file", "upstream.auth.file", "upstream.auth.client_secret_file",
        "upstream.auth.refresh_token_file", "sentry.dsn_file",
    ]

    /// Files with a secret that others than their owner can get at, and what to do, one entry each.
    var openSecrets: [String] {
        Self.secretFiles.compactMap { key in
            let file = settings.text(key)
            var info = stat()
            guard !file.isEmpty, stat(file, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_mode & 0o077 != 0 else { return nil }
            return "\(key): \(file) can be read by others; run: chmod 600 \(file)"
        }
    }
}
