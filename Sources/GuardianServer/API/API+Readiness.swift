import GuardianCore
import HTTPTypes
import Hummingbird
import Synchronization

/// Tries whether the store can be written. A try that worked counts for ``freshMs``: anybody may ask for `/readyz`, and each is a durable
/// write.
final class WriteProbe: Sendable {
    static let freshMs: Int64 = 1000

    private let wroteAt = Mutex<Int64?>(nil)

    /// What the last try ended with; nil when it worked.
    func run(_ store: any Store) async -> StoreError? {
        let now = SystemClock().now.steady
        if let at = wroteAt.withLock({ $0 }), now - at < Self.freshMs { return nil }
        do throws(StoreError) { try await store.probeWrite() } catch { return error }
        wroteAt.withLock { $0 = now }
        return nil
    }
}

extension API {
    /// 200 when an enqueue of ordinary priority would be kept; what else is the matter is told. Problem details otherwise: 503, or 507 when
    /// the disk is so full that the store could not be written.
    func ready() async throws -> Response {
        let storeError = await probe.run(store)
        let situation: Explanation.Situation
        do throws(StoreError) {
            situation = try await .init(
                of: store, at: SystemClock().now.wall, room: configuration.room(), for: engine.configuration.processor)
        } catch {
            throw Problem(SyncError.store(error))
        }
        let readiness = Readiness(situation, storeError: storeError, isDelivering: engine.isActive)
        guard !readiness.isReady else { return Self.json(.ok, readiness.json) }
        var problem =
            storeError.map { Problem(SyncError.store($0)) }
            ?? Problem(.serviceUnavailable, "not ready", readiness.reasons.joined(separator: "; "))
        problem.extra = readiness.json.members ?? []
        throw problem
    }
}
