import GuardianCore
import GuardianTesting
import Synchronization

extension SabotagedStore: OptimisticStore {
    func register(_ change: OptimisticChange, now: Timestamp) async throws(StoreError) {
        var change = change
        if sabotage == .forgetsDependence { change.dependsOn = nil }
        try await store.register(change, now: now)
    }

    func endings(after: Int64, limit: Int) async throws(StoreError) -> [OptimisticEnding] {
        let found = try await store.endings(after: after, limit: limit)
        return sabotage == .forgetsEndings ? found.filter { $0.number % 3 != 0 } : found
    }

    func forgetEnding(_ number: Int64) async throws(StoreError) { if sabotage != .keepsEndings { try await store.forgetEnding(number) } }

    func withdraw(txnToken: String, now: Timestamp) async throws(StoreError) -> Bool {
        try await store.withdraw(txnToken: txnToken, now: now)
    }

    func view(of entity: EntityKey) async throws(StoreError) -> EntityView {
        var view = try await store.view(of: entity)
        if sabotage == .showsTheServerOnly { view.operations = [] }
        return view
    }

    func saveRemote(_ states: [RemoteState], mark: FeedMark?, now: Timestamp) async throws(StoreError) -> [Bool] {
        var (told, mark) = (states, mark)
        switch sabotage {
        case .movesTheCursorOnly where mark != nil: told = []
        case .believesEveryFeed: mark?.isReset = true
        default: break
        }
        let taken = try await store.saveRemote(told, mark: mark, now: now)
        return told.isEmpty ? states.map { _ in true } : taken
    }

    func feedCursor(of feed: String) async throws(StoreError) -> String? { try await store.feedCursor(of: feed) }

    func takePassed(now: Timestamp, limit: Int) async throws(StoreError) -> [EntityKey] {
        try await store.takePassed(now: now, limit: limit)
    }
}
