import Foundation
import GuardianPrivacy
import GuardianRuntime

/// What every command begins with: any of them may hold keys, tokens and payloads.
enum Launch {
    /// The environment as it was at the start. The process's own has no secrets any more.
    static let environment = ProcessInfo.processInfo.environment

    /// Lets no core file and no child have what this process knows.
    static func keepSecrets() {
        CoreDump.forbid()
        for name in Settings.secretVariables where environment[name] != nil { Wipe.environment(name) }
    }
}
