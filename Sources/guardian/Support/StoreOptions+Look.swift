import Foundation
import GuardianCore
import GuardianRuntime
import GuardianSQLite

extension StoreOptions {
    /// Runs `body`, which changes nothing, on the store that is there already.
    ///
    /// One that lies where nothing can be written (a read-only volume, another user's directory) is looked at all the same, and that is
    /// said: as it is, where SQLite can do that, else in a copy that goes in the end.
    func look(_ body: (any OpenedStore) async throws -> Void) async throws {
        let assembly = Assembly(try settings())
        try Self.checkStored(assembly)
        let store: any OpenedStore
        do throws(StoreError) { store = try await assembly.openStore() } catch {
            // What can't be read either is told as it is.
            guard case .readOnly = error, assembly.isStoredInFile, Self.canOnlyBeRead(assembly.storePath) else { throw error }
            return try await lookUnwritten(assembly, body)
        }
        if let warning = try await assembly.sealingWarning(of: store) { Terminal.complain(warning) }
        try await body(store)
    }

    private static func canOnlyBeRead(_ path: String) -> Bool {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        return access(path, R_OK) == 0 && (access(path, W_OK) != 0 || access(directory, W_OK | X_OK) != 0)
    }

    private func lookUnwritten(_ assembly: Assembly, _ body: (any OpenedStore) async throws -> Void) async throws {
        let store: SQLiteStore
        do throws(StoreError) {
            store = try assembly.openToLook()
            _ = try await store.books()
        } catch {
            // Where the log has an index somebody may be writing, and a copy would be of no one moment.
            guard !FileManager.default.fileExists(atPath: assembly.storePath + "-shm") else { throw error }
            return try await lookAtCopy(assembly, body)
        }
        Terminal.complain("\(assembly.storePath) can't be written; it is looked at as it is")
        try await body(store)
    }

    private func lookAtCopy(_ assembly: Assembly, _ body: (any OpenedStore) async throws -> Void) async throws {
        let copy = StoreCopy(of: assembly.storePath)
        var flags = self.flags([:])
        flags["data_dir"] = copy.directory
        let settings = try Settings(file: config, environment: Launch.environment, flags: flags)
        let endings = await Launch.endings()
        // Whoever is to end the process finds the directory, or it would be made when nobody removes it any more.
        try copy.prepare()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await Launch.end(on: endings, without: copy.parts) }
            defer { group.cancelAll() }
            defer { copy.remove() }
            try copy.fill()
            let store = try await Assembly(settings).openStore()
            Terminal.complain("\(assembly.storePath) can't be written; a copy of it in \(copy.directory) is looked at, and goes in the end")
            try await body(store)
            try store.shut()
        }
    }
}
