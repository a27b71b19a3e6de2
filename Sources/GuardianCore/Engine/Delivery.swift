import Synchronization

/// Keeps an engine delivering while the app has a use for it: a scene on screen, a background task, or both at once.
///
/// Each use has a name. The engine runs from the first ``start(_:)`` until all uses that were started have been stopped. A run that ends
/// before that is begun anew; one that can't begin, because somebody else runs the engine, is told as ``Event/notDelivering(reason:)`` and
/// tried again after 1 s, 2 s and so on up to 30 s. Make one for an engine and keep it: when it goes, its uses end.
public final class Delivery: Sendable {
    private struct State {
        var uses: Set<String> = []
        /// Runs the engine until it is cancelled; nil when nobody has a use for it.
        var loop: Task<Void, Never>?
        /// The one before, which may be draining yet.
        var last: Task<Void, Never>?
    }

    private let engine: SyncEngine
    private let state = Mutex(State())

    /// For an engine that nobody else runs. Nothing is delivered before the first ``start(_:)``.
    public init(_ engine: SyncEngine) { self.engine = engine }

    deinit { state.withLock { $0.loop }?.cancel() }

    /// Begins a use: the engine delivers from now on. A use that has begun already counts once.
    public func start(_ use: String = "app") {
        state.withLock { state in
            state.uses.insert(use)
            guard state.loop == nil else { return }
            // Lives until `stop` or the end of this object.
            state.loop = Task { [engine, last = state.last] in
                await last?.value
                await Self.deliver(engine)
            }
        }
    }

    /// Ends a use. Of the last one it drains the engine, and returns when the run has ended: what is on the wire is finished within
    /// ``ProcessorConfiguration/drainMs``, the rest goes back to the store. A use that begins meanwhile is delivered for after that.
    public func stop(_ use: String = "app") async {
        let ending = state.withLock { state -> Task<Void, Never>? in
            state.uses.remove(use)
            guard state.uses.isEmpty else { return nil }
            if let loop = state.loop { (state.loop, state.last) = (nil, loop) }
            return state.last
        }
        ending?.cancel()
        await ending?.value
    }

    private static func deliver(_ engine: SyncEngine) async {
        var failures = 0
        while !Task.isCancelled {
            do throws(SyncError) {
                try await engine.run(cancelledBy: .drain)
                failures = 0
            } catch {
                failures += 1
                engine.tell(.notDelivering(reason: error.description))
                let delayMs = RetryPolicy.standard.delayMs(failure: failures, unit: 0.5)
                do { try await engine.clock.wait(untilSteady: engine.clock.now.steady + delayMs) } catch { return }
            }
        }
    }
}
