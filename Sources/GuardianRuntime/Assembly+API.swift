import GuardianCore
package import GuardianServer

extension Assembly {
    /// Where the sidecar's API listens, and whom it lets in.
    package func api() throws -> APIServer.Configuration { try api(token: settings.secret("token_file")) }

    /// The same, with this token.
    func api(token: String?) throws -> APIServer.Configuration {
        var configuration = try address()
        configuration.token = token
        configuration.certificate = try certificate()
        configuration.socketMode = UInt32(settings.text("api.socket_mode"), radix: 8) ?? 0o600
        configuration.bodyLimit = Int(settings.bytes("api.body_limit") ?? 16 << 20)
        configuration.mostConnections = settings.integer("api.connections")
        configuration.requestsPerSecond = settings.integer("api.rate")
        configuration.patienceMs = settings.milliseconds("api.patience")
        do throws(APIServer.Configuration.ListenError) { try configuration.check() } catch { throw SettingsError(error.key, error.message) }
        return configuration
    }

    /// Files and connections that a sidecar may come to have open at once: those of callers, one for each worker, and what it reads and
    /// writes itself.
    package var openFiles: Int { settings.integer("api.connections") + settings.integer("workers") + 256 }

    /// Connections of callers at once at most in a process that may have `files` open: as many as `api.connections` says, but fewer where
    /// delivery and the store would be left without any. 16 at least.
    package func connections(within files: Int) -> Int {
        min(settings.integer("api.connections"), max(16, files - settings.integer("workers") - 128))
    }

    func address() throws -> APIServer.Configuration {
        let listen = settings.text("listen")
        if listen.hasPrefix("unix:") {
            let path = String(listen.dropFirst(5))
            guard (1...100).contains(path.utf8.count) else {
                throw SettingsError("listen", "the socket's path must be 1 to 100 bytes long (it is \"\(path)\")")
            }
            return APIServer.Configuration(socketPath: path)
        }
        guard let (host, port) = Self.hostAndPort(listen) else {
            throw SettingsError("listen", "must be host:port or unix:/path (it is \"\(listen)\")")
        }
        return APIServer.Configuration(host: host, port: port)
    }

    /// What `host:port` and `[host]:port` consist of; nil for anything else.
    package static func hostAndPort(_ listen: String) -> (host: String, port: Int)? {
        guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]), (0...65_535).contains(port)
        else { return nil }
        let host = listen[..<colon]
        return (String(host.hasPrefix("[") && host.hasSuffix("]") ? host.dropFirst().dropLast() : host), port)
    }

    private func certificate() throws -> APIServer.Configuration.Certificate? {
        let (file, key) = (settings.text("tls.certificate_file"), settings.text("tls.key_file"))
        if file.isEmpty, key.isEmpty { return nil }
        guard !file.isEmpty else { throw SettingsError("tls.certificate_file", "is needed beside tls.key_file") }
        guard !key.isEmpty else { throw SettingsError("tls.key_file", "is needed beside tls.certificate_file") }
        return .init(certificateFile: file, keyFile: key)
    }
}
