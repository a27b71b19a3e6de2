import GuardianRuntime
import Testing

@Suite("Variables that name no setting")
struct UnknownVariableTests {
    private static let secret = "hunter2"

    @Test(
        "one that was surely meant for us is told with what was meant, and without its value",
        arguments: [
            ("GUARDIAN_UPSTREAM_ULR", "GUARDIAN_UPSTREAM_URL"), ("GUARDIAN_WORKER", "GUARDIAN_WORKERS"),
            ("GUARDIAN_RETRY_MAX_ATTEMPT", "GUARDIAN_RETRY_MAX_ATTEMPTS"), ("GUARDIAN_WROKERS", "GUARDIAN_WORKERS"),
            ("GUARDIAN_SEAL_KEYS", "GUARDIAN_SEAL_KEY"), ("GUARDIAN_data_dir", "GUARDIAN_DATA_DIR"), ("GUARDIAN_store", "GUARDIAN_STORE"),
            ("GUARDIAN_UPSTREAM_ROUTES", "the key upstream.routes of the file"), ("GUARDIAN_UPCASTERS", "the key upcasters of the file"),
        ])
    func slips(name: String, meant: String) throws {
        let found = UnknownVariable.all(in: [name: Self.secret, "PATH": "/bin", "GUARDIAN_WORKERS": "4"])
        let variable = try #require(found.first)
        #expect(found.count == 1 && variable.name == name && variable.meant == meant && variable.isSlip)
        #expect(variable.error.description == "environment: \(name) names no setting; did you mean \(meant)?")
    }

    @Test(
        "one that only looks like a setting's has a suggestion, and is no slip: it may be somebody else's",
        arguments: [
            ("GUARDIAN_STAGE", "GUARDIAN_STORE"), ("GUARDIAN_STATE", "GUARDIAN_STORE"), ("GUARDIAN_STORAGE", "GUARDIAN_STORE"),
            ("GUARDIAN_LISTENER", "GUARDIAN_LISTEN"), ("GUARDIAN_CONFG", "GUARDIAN_CONFIG"),
        ])
    func lookalikes(name: String, meant: String) throws {
        let variable = try #require(UnknownVariable.all(in: [name: Self.secret]).first)
        #expect(variable.meant == meant && !variable.isSlip)
    }

    @Test("any other is told by its name, in order, and nothing is suggested")
    func others() {
        let found = UnknownVariable.all(in: ["GUARDIAN_SEEDS": Self.secret, "GUARDIAN_BIN": Self.secret, "NOT_GUARDIAN_BIN": ""])
        #expect(found.map(\.name) == ["GUARDIAN_BIN", "GUARDIAN_SEEDS"])
        #expect(found.allSatisfy { $0.meant == nil && !$0.isSlip })
        #expect(found.allSatisfy { $0.error.description.contains($0.name) && !"\($0.error)".contains(Self.secret) })
    }

    @Test("no variable of a setting is one, nor is what Kubernetes sets beside a service of our name")
    func known() throws {
        let settings = try Settings()
        let lists = ["upstream.routes", "upcasters"]
        let keys = settings.lines.map { $0.key }.filter { !lists.contains($0) }
        #expect(keys.count > 80)
        var environment = Dictionary(uniqueKeysWithValues: keys.map { (Settings.variable(of: $0), "x") })
        environment["GUARDIAN_CONFIG"] = "x"
        for service in ["GUARDIAN", "GUARDIAN_API"] {
            for (end, value) in [
                ("SERVICE_HOST", "10.0.0.11"), ("SERVICE_PORT", "8080"), ("SERVICE_PORT_HTTP", "8080"), ("PORT", "tcp://10.0.0.11:8080"),
                ("PORT_8080_TCP", "tcp://10.0.0.11:8080"), ("PORT_8080_TCP_PROTO", "tcp"), ("PORT_8080_TCP_PORT", "8080"),
                ("PORT_8080_TCP_ADDR", "10.0.0.11"),
            ] { environment["\(service)_\(end)"] = value }
        }
        #expect(UnknownVariable.all(in: environment) == [])
        #expect(UnknownVariable.all(in: ["GUARDIAN_PORT": "8080"]).count == 1)
    }
}
