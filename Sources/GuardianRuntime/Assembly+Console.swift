import GuardianCore
import GuardianSQLite
package import GuardianServer
package import GuardianTelemetry

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Assembly {
    /// The admin console, as the keys `admin` say, and its token when none is named: one is then made for this process, which only this
    /// machine can reach. nil when the console is off.
    ///
    /// Throws a ``SettingsError`` for a token file that is missing, wrong, or readable by others, and for an address beyond this machine
    /// without such a file.
    ///
    /// `metrics` is where its alerts come from.
    package func console(metrics: ProductionMetrics? = nil) throws -> (console: Console, token: String?)? {
        try consoleConfiguration(metrics).map { (Console($0.configuration), $0.token) }
    }

    func consoleConfiguration(_ metrics: ProductionMetrics? = nil) throws -> (configuration: ConsoleConfiguration, token: String?)? {
        guard settings.text("admin.enabled") == "true" else { return nil }
        let api = try api()
        let (tokens, made) = try adminTokens(isLoopback: api.isLoopback)
        var configuration = ConsoleConfiguration(tokens: tokens)
        let lines = settings.lines.map { ConsoleSetting(key: $0.key, value: $0.value, source: $0.source) }
        configuration.settings = { lines }
        configuration.logs = logSearch().map { FileLogs(search: $0) }
        if let metrics { configuration.alerts = { metrics.alerts } }
        configuration.preview = { operation, store in await self.consolePreview(of: operation, from: store) }
        configuration.isSecure = api.certificate != nil
        configuration.auditFile = settings.text("data_dir") + "/admin-audit.jsonl"
        configuration.upstream = settings.lines.first { $0.key == "upstream.url" }?.value ?? ""
        configuration.version = BuildInfo.version
        configuration.lockStaleAfterMs = settings.milliseconds("lock.stale_after")
        return (configuration, made)
    }

    func adminTokens(isLoopback: Bool) throws -> (AdminTokens, made: String?) {
        let file = settings.text("admin.token_file")
        guard let content = try settings.secret("admin.token_file") else {
            guard isLoopback else {
                throw SettingsError("admin.token_file", "is needed: the console listens beyond this machine")
            }
            var random = SystemRandomNumberGenerator()
            let token = UniqueID(high: random.next(), low: random.next()).hex
            return (AdminTokens(token: token, role: .admin, name: "local"), token)
        }
        if let mode = SQLiteStore.mode(of: file), mode & 0o077 != 0 {
            throw SettingsError("admin.token_file", "\(file) can be read by others (mode \(String(mode & 0o777, radix: 8))); chmod 600 it")
        }
        do throws(AdminTokens.Defect) { return (try AdminTokens(file: content), nil) } catch {
            throw SettingsError("admin.token_file", "\(file): \(error)")
        }
    }
}
