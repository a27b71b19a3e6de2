import Synchronization

/// Looks at something again and again while a suite runs.
public final class Sampler: Sendable {
    /// What one look has shown.
    public struct Sample: Sendable, Equatable {
        /// By the sampler's stopwatch.
        public var seconds: Double
        /// What was seen, in the unit of whoever looks.
        public var value: Double
    }

    /// Samples kept at most; beyond it every second one goes, and half as many are taken from then on.
    static let most = 4096

    private struct State {
        var samples: [Sample] = []
        var every = 1
        var asked = 0
    }

    private let state = Mutex(State())
    private let watch: Stopwatch
    private let look: @Sendable () -> Double

    /// Does not look yet: `look` is called by ``sample()`` alone.
    public init(watch: Stopwatch, look: @escaping @Sendable () -> Double) {
        self.watch = watch
        self.look = look
    }

    /// Looks once, now; when there are many samples already, what it sees may not be kept.
    public func sample() {
        let value = look()
        let seconds = watch.seconds
        state.withLock { state in
            state.asked += 1
            guard state.asked % state.every == 0 else { return }
            state.samples.append(.init(seconds: seconds, value: value))
            guard state.samples.count >= Self.most else { return }
            state.samples = state.samples.enumerated().compactMap { $0.offset % 2 == 0 ? $0.element : nil }
            state.every *= 2
        }
    }

    /// The oldest first; fewer than 4096, however long it has run.
    public var samples: [Sample] { state.withLock { $0.samples } }

    /// Samples every `milliseconds` until cancelled.
    public func run(everyMilliseconds: Int) async {
        while !Task.isCancelled {
            sample()
            do { try await Task.sleep(for: .milliseconds(everyMilliseconds)) } catch { return }
        }
    }
}
