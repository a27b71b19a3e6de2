package import GuardianCore
import GuardianSQLite

extension Daemon.State {
    /// One line for programs: `{"state":"ready","url":…}`.
    package var json: JSONValue {
        switch self {
        case .ready(let url): ["state": "ready", "url": .string(url)]
        case .notReady(let url, let error):
            ["state": "not_ready", "url": .string(url), "reason": .string(error.name), "detail": .string(error.description)]
        case .unreadable(let error): ["state": "unreadable", "reason": .string(error.name), "detail": .string(error.description)]
        case .salvaged(let report): ["state": "salvaged", "report": report.json]
        }
    }
}
