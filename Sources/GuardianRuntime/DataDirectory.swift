/// What this program keeps in a data directory, by name. A test holds docs/guides/operating.md to it.
package enum DataDirectory {
    /// The store. What belongs to it has a longer name.
    package static let store = "guardian.sqlite"

    package static let files =
        ["", "-wal", "-shm", "-journal", "-reserve", "-suspect", "-replacing"].map { store + $0 }
        + ["alerts.json", "rollout.json", "admin-audit.jsonl", "admin-audit-refused.jsonl"]

    package static let folders = [store + "-processors", "logs", "sentry", "crashes", "run"]

    /// How names begin of stores that were set aside, and of what a repair or a restore has left that was ended.
    package static let beginnings = [".damaged-", ".before-restore-", ".salvage-new", ".salvage-source", ".restoring"].map { store + $0 }

    /// Whether a file or folder of that name in a data directory is one of these: also an older one, such as `admin-audit.jsonl.1`.
    package static func owns(_ name: String) -> Bool {
        if files.contains(name) || folders.contains(name) || beginnings.contains(where: { name.hasPrefix($0) }) { return true }
        return files.contains { file in file != store && name.hasPrefix(file + ".") && Int(name.dropFirst(file.count + 1)) != nil }
    }
}
