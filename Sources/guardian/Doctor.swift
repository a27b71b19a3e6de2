import ArgumentParser
import GuardianCore
import GuardianRuntime

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at everything the sidecar needs and say what is wrong and what to do; exit 1 when something fails.",
        discussion: """
            Example: guardian doctor --config guardian.yaml
            Example: guardian doctor --sentry --config guardian.yaml
            """)
    @OptionGroup var options: StoreOptions
    @Option(help: "The upstream's URL.") var upstream: String?
    @Flag(help: "Send a test event to Sentry, and say what it answers.") var sentry = false

    func run() async throws {
        var flags: [String: String] = [:]
        if let upstream { flags["upstream.url"] = upstream }
        let findings: [Examination.Finding]
        do {
            findings = await Examination(try options.settings(flags)).run(sendingToSentry: sentry)
        } catch let error as SettingsError {
            let defects = options.defects(flags)
            findings = (defects.isEmpty ? [error] : defects).map { .init("config", .fails, $0.description) }
        }
        let failed = findings.count { $0.verdict == .fails }
        if options.json {
            let list = findings.map { finding -> JSONValue in
                ["check": .string(finding.check), "verdict": .string(finding.verdict.rawValue), "detail": .string(finding.detail)]
            }
            Terminal.report(JSONValue.object([.init("ok", .bool(failed == 0)), .init("checks", .array(list))]).text)
        } else {
            for finding in findings {
                let verdict = finding.verdict.rawValue.padding(7)
                Terminal.report("\(verdict) \(finding.check.padding(11)) \(finding.detail)")
            }
        }
        if failed > 0 { throw Failure(.failed, "\(failed) of \(findings.count) checks failed") }
    }
}

extension String {
    /// At least `width` characters wide.
    func padding(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
