/// Hands the endings of optimistic changes to the app, one at a time, oldest first.
///
/// At least once: an ending is forgotten after its handler has returned, so one that was handled just before a crash comes again. A handler
/// that throws holds up all that is behind it, for an undo is only right in its order; it is asked again every second.
struct EndingLoop {
    /// Milliseconds between looks while somebody waits for endings: other processes settle and cancel too.
    static let everyMs: Int64 = 1000
    static let page = 100

    let engine: SyncEngine

    func run() async {
        let bell = engine.endingHandlers.listen()
        await withDiscardingTaskGroup { group in
            var polls = false
            for await _ in bell {
                await deliver()
                guard !polls, engine.endingHandlers.areWanted else { continue }
                polls = true
                group.addTask { await poll() }
            }
            group.cancelAll()
        }
    }

    private func poll() async {
        while !Task.isCancelled {
            do { try await engine.clock.wait(untilSteady: engine.clock.now.steady + Self.everyMs) } catch { return }
            engine.endingHandlers.ring()
        }
    }

    private func deliver() async {
        let handlers = engine.endingHandlers
        guard handlers.areWanted else { return }
        let now = engine.clock.now.steady
        var (after, generation) = handlers.position
        do throws(StoreError) {
            while !Task.isCancelled {
                let endings = try await engine.store.endings(after: after, limit: Self.page)
                for ending in endings {
                    guard try await hand(over: ending) else { return }
                    after = ending.number
                }
                if endings.count < Self.page { return handlers.pass(after, generation: generation, now: now) }
            }
        } catch {
            engine.hub.tell(.storeError(error), at: engine.clock.now.wall)
        }
    }

    /// Whether it is out of the way: taken, or wanted by nobody here.
    private func hand(over ending: OptimisticEnding) async throws(StoreError) -> Bool {
        let token = ending.change.txnToken
        guard let found = engine.endingHandlers.handler(for: ending) else { return true }
        do {
            try await found.handler(ending.change, ending)
        } catch {
            if !Task.isCancelled {
                let name = String(describing: type(of: error))
                engine.hub.tell(.endingNotTaken(token: token, error: name), at: engine.clock.now.wall)
            }
            return false
        }
        try await engine.store.forgetEnding(ending.number)
        engine.endingHandlers.drop(token, number: found.number)
        return true
    }
}
