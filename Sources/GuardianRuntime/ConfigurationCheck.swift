import GuardianHTTP
import GuardianServer

/// Everything that is wrong with a configuration, before anything is opened: each thing once, with its key and what to do.
///
/// What would be a mere consequence is left out: a rule between several settings is not looked at where one of them can't be read.
package struct ConfigurationCheck: Sendable {
    /// In the order in which they were found; empty when the configuration can be used.
    package private(set) var defects: [SettingsError]

    /// Reads what ``Settings/init(file:environment:flags:)`` does.
    package init(file: String?, environment: [String: String], flags: [String: String]) {
        var wrong: [SettingsError] = []
        let settings = Settings(file: file, environment: environment, flags: flags, defects: &wrong)
        defects = UnknownVariable.all(in: environment).map(\.error) + wrong
        // Of a file that can't be read nobody knows what else it says.
        guard !wrong.contains(where: { $0.key == "config" }) else { return }
        for defect in Assembly(settings, delivers: true).defects() where !Self.follows(defect, from: wrong) { defects.append(defect) }
    }

    /// Whether it may be there only because what stands under another key could not be taken.
    private static func follows(_ defect: SettingsError, from wrong: [SettingsError]) -> Bool {
        wrong.contains { other in
            if defect.key == other.key || [".", "["].contains(where: { defect.key.hasPrefix(other.key + $0) }) { return true }
            // An entry of a list stands for itself.
            if defect.key.contains("[") { return false }
            if section(of: defect.key) == section(of: other.key) { return true }
            return defect.key == "upstream.timeout" && section(of: other.key) == "lock"
                || defect.key == "log.file" && other.key == "data_dir"
        }
    }

    private static func section(of key: String) -> Substring { key.prefix { $0 != "." } }
}

extension Assembly {
    /// What is wrong with settings that can be read, each thing once.
    func defects() -> [SettingsError] {
        var found: [SettingsError] = []
        func look(_ body: () throws -> Void) { Settings.collect(&found, body) }
        look { _ = try api() }
        // The API's token, and what TLS wants, are asked for one after the other.
        look { _ = try api(token: "given") }
        look { try checkSealing() }
        let entries = routeEntries()
        for entry in entries {
            look { try checkPath(of: entry) }
            look { _ = try entry.conflictPolicy() }
            for flag in ["coalesce", "assigns_id"] { look { _ = try entry.flag(flag) } }
            look { _ = try entry.references() }
        }
        for upcaster in settings.upcasters { look { _ = try upcaster.upcaster() } }
        look { _ = try processorConfiguration() }
        look { try checkLease() }
        look { try check(HTTPTransportConfiguration(url: settings.text("upstream.url"), allowInsecure: allowsInsecure, deviceID: "")) }
        look { try check(try transportConfiguration(deviceID: "", routes: [])) }
        look { _ = try routes() }
        look { _ = try tokens() }
        if settings.text("admin.enabled") == "true" { look { _ = try adminTokens(isLoopback: address().isLoopback) } }
        look { _ = try traceEndpoint() }
        look { _ = try sentryConfiguration() }
        if let defect = logFileDefect { found.append(defect) }
        var told: Set<String> = []
        return found.filter { told.insert($0.description).inserted }
    }

    private var allowsInsecure: Bool { settings.text("upstream.allow_insecure") == "true" }

    /// Throws what a transport would refuse of one route. Others stand before it, so that it is named by its place.
    private func checkPath(of entry: RouteEntry) throws {
        let route = try entry.route()
        let others = Array(repeating: Route(operation: "*", entity: "*", method: "POST", path: "/"), count: entry.index)
        try check(HTTPTransportConfiguration(url: "http://127.0.0.1", routes: others + [route], deviceID: ""))
    }

    /// Throws what a transport would refuse.
    private func check(_ configuration: HTTPTransportConfiguration) throws {
        do throws(HTTPConfigurationError) { try HTTPTransport.check(configuration) } catch { throw SettingsError(error.key, error.message) }
    }
}
