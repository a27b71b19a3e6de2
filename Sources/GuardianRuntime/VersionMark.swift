package import GuardianCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Which build ran last on a data directory: the file `version` beside the store.
enum VersionMark {
    /// Whether another build ran here before; this one stands in the file from now on. A mark that can't be read or written says nothing.
    static func isNew(_ version: String, in directory: String) -> Bool {
        let file = URL(fileURLWithPath: directory + "/version")
        let before: String?
        do { before = try String(contentsOf: file, encoding: .utf8) } catch { before = nil }
        if before == version { return false }
        // Without a mark the next start asks again: a pause is then ended by hand, or by the build after this one.
        do {
            try Data(version.utf8).write(to: file, options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        } catch { return false }
        return before != nil
    }
}

extension SyncEngine {
    /// Ends the pause of a 426 when another build has come since (spec section 4): the upstream may take this one.
    package func resumeAfterUpgrade(in directory: String, version: String) async throws(SyncError) {
        guard VersionMark.isNew(version, in: directory) else { return }
        try await resume(.upgrade)
    }
}
