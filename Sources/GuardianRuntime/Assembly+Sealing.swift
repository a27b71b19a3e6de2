package import GuardianCore
import GuardianPrivacy
import GuardianSQLite

extension Assembly {
    /// Whether a key was given.
    package var seals: Bool { !settings.text("seal.key_file").isEmpty || !settings.text("seal.key").isEmpty }

    /// Where the store's keys come from: the file that `seal.key_file` names, or `seal.key` (from the environment only).
    func sealing() throws(StoreError) -> (any SealKeySource)? {
        let file = settings.text("seal.key_file")
        if !file.isEmpty { return SealKeyFile(path: file) }
        guard !settings.text("seal.key").isEmpty else { return nil }
        var text = Array(settings.text("seal.key").utf8)
        do throws(SealError) { return SealKeysInMemory(try SealKeyring(reading: &text)) } catch {
            throw .wrongKey("seal.key: \(error)")
        }
    }

    /// What is to be said when a key was given that `store` is not written under; nil when it is, or none was given.
    package func sealingWarning(of store: any OpenedStore) async throws(StoreError) -> String? {
        guard let store = store as? SQLiteStore, let given = store.givenKey else { return nil }
        let active = try await store.sealKey()
        guard active != given else { return nil }
        let now = active.map { "is sealed under key \($0)" } ?? "is in clear"
        return "the store \(now), not sealed under key \(given), the first one given; `guardian serve` changes that when it starts"
    }

    /// Finds what is wrong with the keys before the store is opened.
    func checkSealing() throws {
        if !settings.text("seal.key_file").isEmpty, !settings.text("seal.key").isEmpty {
            throw SettingsError("seal.key", "is given beside seal.key_file; give one of them")
        }
        guard !seals || isStoredInFile else {
            // Who gives a key must not believe that it is used.
            throw SettingsError(
                settings.text("seal.key_file").isEmpty ? "seal.key" : "seal.key_file",
                "seals a store that is a file, and nothing in PostgreSQL; take it away, and have the database's disk encrypted")
        }
        do throws(StoreError) {
            guard let source = try sealing() else { return }
            do throws(SealError) { _ = try source.keyring() } catch { throw .wrongKey("seal.key_file: \(error)") }
        } catch {
            guard case .wrongKey(let what) = error else { throw error }
            let key = what.prefix { $0 != ":" }
            throw SettingsError(String(key), String(what.dropFirst(key.count + 2)))
        }
    }
}
