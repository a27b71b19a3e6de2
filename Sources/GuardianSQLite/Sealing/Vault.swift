internal import GRDB
internal import GuardianCore
internal import GuardianPrivacy
internal import Synchronization

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// The keys of a store: opens what is sealed in it, and knows what it may be sealed under.
///
/// Which key is written under stands in the store (`guardian_seal`), not in a process: after a rotation every writer either has the new key,
/// or is refused. So a rekeying can be sure that it has seen the last value under the old one.
final class Vault: Sendable {
    /// No keys: reads and writes in clear, refuses a store that is sealed.
    static let none = Vault(nil)

    private struct State {
        var keys: SealKeyring?
        var sealer = Sealer(salt: [])
    }

    private let source: (any SealKeySource)?
    private let state = Mutex(State())

    init(_ source: (any SealKeySource)?) { self.source = source }

    /// Asks the source for the keys.
    func load() throws(StoreError) {
        guard let source else { return }
        do throws(SealError) {
            let keys = try source.keyring()
            state.withLock { $0.keys = keys }
        } catch {
            throw .wrongKey("the key of the store: \(error)")
        }
    }

    var isUnsalted: Bool { state.withLock { $0.sealer.salt.isEmpty } }

    func use(salt: [UInt8]) { state.withLock { $0.sealer = Sealer(salt: salt) } }

    /// The key that this process would write under.
    var current: SealKey? { state.withLock { $0.keys?.current } }

    /// A key, asked for anew when it is not known.
    func key(_ id: SealKey.ID) throws(StoreError) -> SealKey? {
        if let known = state.withLock({ $0.keys?[id] }) { return known }
        try load()
        return state.withLock { $0.keys?[id] }
    }

    /// Throws ``StoreError/wrongKey(_:)`` unless every key of the store is here.
    func check(_ ids: [SealKey.ID]) throws(StoreError) {
        for id in ids where try key(id) == nil { throw Self.missing(id, hasKeys: current != nil) }
    }

    static func missing(_ id: SealKey.ID, hasKeys: Bool) -> StoreError {
        .wrongKey(
            hasKeys
                ? "the store is sealed under key \(id), which is not among those given; give the right one (seal.key_file), the store was not touched"
                : "the store is sealed under key \(id), and no key was given; give it (seal.key_file), the store was not touched")
    }

    func seal(_ text: String, under key: SealKey, at place: Sealer.Place) throws(StoreError) -> [UInt8] {
        do throws(SealError) { return try state.withLock({ $0.sealer }).seal(text, under: key, at: place) } catch {
            throw .unavailable(error.description)
        }
    }

    func open(_ sealed: UnsafeRawBufferPointer, at place: Sealer.Place) throws(StoreError) -> String {
        guard let id = Sealer.keyID(of: sealed) else { throw .corrupt("a sealed value is cut or changed") }
        guard try key(id) != nil, let keys = state.withLock({ $0.keys }) else { throw Self.missing(id, hasKeys: current != nil) }
        do throws(SealError) { return try state.withLock({ $0.sealer }).open(sealed, with: keys, at: place) } catch {
            throw .corrupt("a sealed value can't be opened: it was changed, or moved from another row")
        }
    }
}

extension Vault {
    /// The keys that values of the store may be sealed under; empty where nothing is sealed.
    static func ids(_ db: Database) throws -> [SealKey.ID] {
        guard try db.tableExists("guardian_seal") else { return [] }
        return try Data.fetchAll(db, sql: "SELECT key_id FROM guardian_seal").compactMap { SealKey.ID(bytes: Array($0)) }
    }

    static func salt(_ db: Database) throws -> [UInt8] {
        let text = try String.fetchOne(db, sql: "SELECT value FROM guardian_setting WHERE name = 'seal_salt'") ?? ""
        return Array(text.utf8)
    }
}
