import GuardianCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What is remembered of the last change: another build, upstream or routes. Kept in `rollout.json` beside the store.
struct RolloutMark: Codable, Equatable {
    /// Build and settings, as ``Settings/rolloutFingerprint`` writes them.
    var fingerprint: String
    /// Milliseconds since 1970 at which this fingerprint was first seen; 0 for the first one ever, which changed nothing.
    var changedAt: Int64

    /// The mark in `directory` after a start with `fingerprint` at `now`; written there when it is new.
    ///
    /// One that can't be written holds for this process, and `tell` hears why: a full disk keeps nobody from delivering. The next start
    /// finds the same change again.
    static func update(in directory: String, fingerprint: String, now: Timestamp, tell: (String) -> Void) -> RolloutMark {
        let file = URL(fileURLWithPath: directory + "/rollout.json")
        let before: RolloutMark?
        // A mark that can't be read is as none: the guard then watches from the next change on.
        do { before = try JSONDecoder().decode(RolloutMark.self, from: Data(contentsOf: file)) } catch { before = nil }
        if let before, before.fingerprint == fingerprint { return before }
        let mark = RolloutMark(fingerprint: fingerprint, changedAt: before == nil ? 0 : now.milliseconds)
        do {
            try JSONEncoder().encode(mark).write(to: file, options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        } catch {
            tell(ErrorWords.of(error))
        }
        return mark
    }
}

extension Settings {
    /// What a change changes: the build, the upstream and its routes. Credentials are no part of it.
    var rolloutFingerprint: String {
        let keys = lines.filter { $0.key.hasPrefix("upstream.") && !$0.key.hasPrefix("upstream.auth.") }
        let routes = routes.map { entry in entry.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ") }
        let text = ([BuildInfo.version] + keys.map { "\($0.key)=\($0.value)" } + routes).joined(separator: "\n")
        // FNV-1a: names a text, keeps no secret.
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
        return "\(BuildInfo.version)-\(String(hash, radix: 16))"
    }

    var rolloutPolicy: RolloutGuard.Policy {
        RolloutGuard.Policy(
            errorShare: Double(text("rollout.error_rate")) ?? 0.05, windowMs: milliseconds("rollout.window"),
            windows: integer("rollout.windows"), fewest: integer("rollout.fewest"), watchMs: milliseconds("rollout.watch"))
    }
}

extension Assembly {
    /// The guard of the key `rollout.guard`; nil when it is off. What runs is noted all the same, so that a guard that comes with a change
    /// knows it for one. `tell` hears why it can't be noted.
    func rolloutGuard(now: Timestamp, tell: (String) -> Void) -> RolloutGuard? {
        let mark = RolloutMark.update(
            in: settings.text("data_dir"), fingerprint: settings.rolloutFingerprint, now: now, tell: tell)
        guard settings.text("rollout.guard") == "true" else { return nil }
        return RolloutGuard(policy: settings.rolloutPolicy, changedAt: Timestamp(milliseconds: mark.changedAt))
    }
}
