import GuardianCore

/// What the app does beside enqueuing: it registers changes, takes their endings, and looks at what it shows.
extension SimulatedWorld {
    /// Before an operation is handed in, its change is registered; again, if the first try was not acknowledged.
    mutating func register(_ index: Int) async throws(StoreError) {
        guard let token = judge.records[index].handed.txnToken, var change = changes[token] else { return }
        try await store.register(change, now: moment.wall)
        if let server = judge.aliases[change.entity] { change.entity.id = server }
        judge.registered(change)
        await checkEndings(nil)
    }

    /// The endings that the store has written since it was looked at last are those that must be.
    mutating func checkEndings(_ result: ExchangeResult?) async {
        guard script.optimistic > 0 else { return }
        do throws(StoreError) {
            let news = try await store.endings(after: judge.optimism.lastNumber, limit: 1000)
            if let result, result.ended != news { judge.violated("endings: told \(result.ended.count), kept \(news.count)") }
            judge.compare(news)
            if !news.isEmpty { agenda.add(.appLooks, at: delay(0...10_000)) }
        } catch { judge.violated("endings: \(error)") }
    }

    /// The app takes endings one after the other, and may die before it has said so.
    mutating func appLooks() async {
        do throws(StoreError) {
            let endings = try await store.endings(after: 0, limit: 1000)
            judge.found(endings)
            for ending in endings {
                let dies = isTroubled && chance(script.crashes * 4)
                judge.heard(ending, died: dies)
                if dies { return agenda.add(.appLooks, at: delay(0...30_000)) }
                try await store.forgetEnding(ending.number)
            }
        } catch { judge.violated("endings: \(error)") }
    }

    /// What the user sees of one entity after another.
    mutating func checkView() async throws(StoreError) {
        guard script.optimistic > 0 || script.localIDs > 0 || script.others > 0, script.operations <= 50 else { return }
        let stored = judge.records.filter { $0.seq != nil && [.waiting, .failed, .processed].contains($0.fate) }
        let entities = Array(Set(stored.map { judge.current($0.operation.entity) })).sorted { $0.orderingKey < $1.orderingKey }
        guard !entities.isEmpty else { return }
        let entity = entities[report.steps % entities.count]
        let view = try await store.view(of: entity)
        judge.compare(view, of: entity)
        if script.others > 0 { judge.compareShared(view, of: entity) }
    }

    /// Whether everybody has been told of everything.
    mutating func isTold() async -> Bool {
        if !judge.optimism.standing.isEmpty { return false }
        judge.judgeOptimismAtTheEnd()
        guard script.others > 0 else { return true }
        guard follower.cursor == upstream.rooms.cursor else { return false }
        do throws(StoreError) {
            for (entity, room) in upstream.rooms.all {
                judge.judgeSharedAtTheEnd(try await store.view(of: entity), of: entity, there: room.fields, etag: room.etag)
            }
        } catch { judge.violated("view: \(error)") }
        return true
    }
}
