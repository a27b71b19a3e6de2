public import GuardianCore
import Synchronization

/// Reports what is critical to Sentry (spec section 8), and never stands in the way of delivery.
///
/// ``record(_:about:at:)`` remembers and returns. ``run()`` writes events to a spool on disk and sends them from there, one at a time, as
/// fast as Sentry's rate limits let it; what can't be sent now is sent later, also by the next process. Where there is no room to write,
/// a few are held in memory and sent from there: a full disk is something to hear of.
public final class SentrySink: EventSink {
    /// Events that wait to be written down at most.
    package static let backlog = 2000
    /// Milliseconds between tries of a spool that can't be used.
    package static let spoolRetryMs: Int64 = 5000

    private struct State {
        var judge: SentryJudge
        var waiting: [SentryEvent] = []
        var dropped = 0
        /// Calls the run that goes on.
        var bell: AsyncStream<Void>.Continuation?
    }

    package let configuration: SentryConfiguration
    package let clock: any TimeSource
    private let log: LogWriter?
    private let state: Mutex<State>
    private let delivery = SentryDelivery.Progress()

    /// `log` hears when Sentry can't be reached, and when it can again.
    public init(
        _ configuration: SentryConfiguration, log: LogWriter? = nil, clock: any TimeSource = SystemClock(),
        random: Xoshiro256 = .fromSystem()
    ) {
        self.configuration = configuration
        self.log = log
        self.clock = clock
        let judge = SentryJudge(
            eventsPerMinute: configuration.eventsPerMinute, breakerOpenTooLongMs: configuration.breakerOpenTooLongMs, random: random)
        state = Mutex(State(judge: judge))
    }

    public func record(_ event: Event, at time: Timestamp) { record(event, about: nil, at: time) }

    public func record(_ event: Event, about subject: Event.Subject?, at time: Timestamp) {
        let bell = state.withLock { state -> AsyncStream<Void>.Continuation? in
            guard let critical = state.judge.heard(event, about: subject, at: time), Self.add(critical, to: &state) else { return nil }
            return state.bell
        }
        bell?.yield()
    }

    /// Reports something that is no event of the engine's.
    public func capture(_ level: SentryEvent.Level, type: String, value: String, fields: [JSONValue.Member] = []) {
        capture(level, type: type, value: value, fields: fields, frames: [], isHandled: true)
    }

    package func capture(
        _ level: SentryEvent.Level, type: String, value: String, fields: [JSONValue.Member], frames: [SentryEvent.Frame], isHandled: Bool
    ) {
        let now = clock.now.wall
        let bell = state.withLock { state in
            var event = state.judge.make(level: level, type: type, value: value, at: now)
            event.tags["event"] = type
            event.extra = fields
            event.frames = frames
            event.isHandled = isHandled
            _ = Self.add(event, to: &state)
            return state.bell
        }
        bell?.yield()
    }

    private static func add(_ event: SentryEvent, to state: inout State) -> Bool {
        guard state.waiting.count < backlog else {
            state.dropped += 1
            return false
        }
        state.waiting.append(event)
        return true
    }

    /// How many events Sentry has taken from this process.
    package var sentCount: Int { delivery.sent }

    /// How many wait to be sent: on disk, and in memory where they can't be written down.
    package var spooledCount: Int { delivery.spooled }

    /// Writes down and sends until its task is cancelled; what has not been sent then stays on disk. May be run again.
    public func run() async {
        guard let spool = await openSpool() else { return }
        let delivery = SentryDelivery(configuration: configuration, spool: spool, clock: clock, progress: delivery) { [self] in
            tell($0, $1, $2)
        }
        let (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.bell = bell }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await delivery.run() }
            group.addTask { [clock] in
                while !Task.isCancelled {
                    bell.yield()
                    do { try await clock.wait(untilSteady: clock.now.steady + 1000) } catch { return }
                }
            }
            for await _ in rings {
                writeDown(delivery)
                if Task.isCancelled { break }
            }
            group.cancelAll()
        }
        writeDown(delivery)
        await delivery.shutdown()
    }

    /// The spool as soon as it can be used, for its directory may come back; events wait in memory until then. nil when cancelled.
    private func openSpool() async -> SentrySpool? {
        var isTold = false
        while true {
            do {
                let spool = try SentrySpool(directory: configuration.spoolDirectory, limits: configuration.spool, now: clock.now.wall)
                if isTold { tell(.info, "sentry spool usable again", configuration.spoolDirectory) }
                return spool
            } catch {
                if !isTold { tell(.error, "sentry spool not usable", "\(error); it is tried again every \(Self.spoolRetryMs / 1000) s") }
                isTold = true
            }
            do { try await clock.wait(untilSteady: clock.now.steady + Self.spoolRetryMs) } catch { return nil }
        }
    }

    /// Writes what waits to the spool.
    private func writeDown(_ delivery: SentryDelivery) {
        let now = clock.now
        let (events, dropped, heldBack) = state.withLock { state in
            if let late = state.judge.tick(now) { state.waiting.append(late) }
            defer { (state.waiting, state.dropped) = ([], 0) }
            return (state.waiting, state.dropped, state.judge.takeHeldBack())
        }
        delivery.lost(.queueOverflow, dropped)
        delivery.lost(.backpressure, heldBack)
        for event in events { delivery.add(event) }
    }

    private func tell(_ level: LogLevel, _ message: String, _ reason: String) {
        log?.write(LogLine(timestamp: clock.now.wall, level: level, message: message, fields: [.init("reason", .string(reason))]))
    }
}
