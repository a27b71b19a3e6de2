import GuardianCore
import GuardianTesting

/// Many devices, each with a real processor and a store of its own, that come back to one upstream in virtual time.
///
/// The upstream takes so many requests a second (a token bucket) and answers the others 429. The devices have found it away for a while
/// before, so that their breakers are open; everything is timed from the moment it is back.
struct FleetWorld {
    struct Script {
        var devices = 200
        var operations = 500
        var entities = 50
        /// Requests per second that the upstream takes, and how many it takes at once after a quiet moment.
        var capacity = 300.0
        var burst = 30.0
        var latencyMs: ClosedRange<Int64> = 40...60
        /// `Retry-After` of a 429, in milliseconds; nil sends none.
        var retryAfterMs: Int64? = 1000
        /// How long the upstream has been away.
        var outageMs: Int64 = 600_000
        var configuration = ProcessorConfiguration()
    }

    struct Report: Sendable {
        var requests = 0, rejected = 0, delivered = 0
        /// From the return of the upstream to the last delivery.
        var drainedMs: Int64 = 0
        var idealMs: Int64 = 0
        var rejectedShare: Double { Double(rejected) / Double(max(requests, 1)) }
        var timesIdeal: Double { Double(drainedMs) / Double(max(idealMs, 1)) }
    }

    private enum Item {
        case tick(Int)
        case input(Int, Processor.Input)
        case call(Int, Processor.Action)
        case arrive(Int, Claim, Int64)
    }

    private struct Entry {
        var at: Int64
        var number: Int
        var item: Item
    }

    private struct Device {
        var processor: Processor
        var store: MemoryStore
        var random: Xoshiro256
        var tickAt: Int64 = .min
        var nextSeq: [Int64: Int64] = [:]
    }

    private let script: Script
    private var random: Xoshiro256
    private var devices: [Device] = []
    private var heap: [Entry] = []
    private var number = 0
    private var now: Int64 = 0
    private var tokens: Double
    private var filledAt: Int64 = 0
    var report = Report()
    /// Requests and rejections of each second since the return.
    var seconds: [(requests: Int, rejected: Int)] = []

    init(seed: UInt64, script: Script) {
        self.script = script
        random = Xoshiro256(seed: seed)
        tokens = script.burst
        report.idealMs = Int64(Double(script.devices * script.operations) / script.capacity * 1000)
    }

    mutating func run() async -> Report {
        for device in 0..<script.devices { await setUp(device) }
        let total = script.devices * script.operations
        while report.delivered < total, let entry = pop() {
            now = max(now, entry.at)
            guard now < script.outageMs + 20 * report.idealMs else { break }
            await take(entry.item)
        }
        return report
    }

    private mutating func setUp(_ number: Int) async {
        let store = MemoryStore()
        let operations = (0..<script.operations).map { index in
            let entity = EntityKey(type: "reading", id: "\(number)-\(index % script.entities)")
            return Operation(
                id: .uuid(.v4(using: &random)), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update",
                entity: entity, payload: "{}", enqueuedAt: Timestamp(milliseconds: 0))
        }
        do throws(StoreError) { _ = try await store.enqueue(operations) } catch {}
        devices.append(
            Device(
                processor: Processor(owner: "device-\(number)", configuration: script.configuration), store: store,
                random: Xoshiro256(seed: random.next())))
        add(.tick(number), at: Int64.random(in: 0..<60_000, using: &random))
    }

    private mutating func take(_ item: Item) async {
        switch item {
        case .tick(let device): if devices[device].tickAt <= now { deliver(.tick, to: device) }
        case .input(let device, let input): deliver(input, to: device)
        case .call(let device, let call): await perform(call, for: device)
        case .arrive(let device, let claim, let attempt): arrive(device, claim, attempt)
        }
    }

    private mutating func deliver(_ input: Processor.Input, to device: Int) {
        let moment = Moment(steady: now, wall: Timestamp(milliseconds: now))
        var random = devices[device].random
        let actions = devices[device].processor.handle(input, now: moment, random: &random)
        devices[device].random = random
        for action in actions {
            switch action {
            case .send(let claim, let attempt, _, _):
                add(.arrive(device, claim, attempt), at: now + Int64.random(in: script.latencyMs, using: &random) / 2)
            case .fetchToken: add(.input(device, .tokenAnswered(.success(nil))), at: now + 1)
            case .acquireLock, .renewLock, .exchange, .clampRetries: add(.call(device, action), at: now + 1)
            default: break
            }
        }
        let deadline = devices[device].processor.deadline(now: moment)
        if deadline != devices[device].tickAt {
            devices[device].tickAt = deadline
            add(.tick(device), at: deadline)
        }
    }

    private mutating func perform(_ call: Processor.Action, for device: Int) async {
        let store = devices[device].store
        let wall = Timestamp(milliseconds: now)
        let input: Processor.Input
        do throws(StoreError) {
            switch call {
            case .acquireLock(let owner, let stale):
                input = .lockAnswered(
                    try await store.acquireLock(owner: owner, now: wall, staleAfterMs: stale), try await store.loadControl())
            case .renewLock(let fence):
                try await store.renewLock(fence, now: wall)
                input = .renewed(.success(()), begunAt: now - 1)
            case .exchange(let exchange): input = .exchanged(.success(try await store.exchange(exchange)))
            case .clampRetries:
                _ = try await store.clampRetries(now: wall)
                input = .wake
            default: return
            }
        } catch {
            input = .exchanged(.failure(error))
        }
        deliver(input, to: device)
    }

    /// A request reaches the upstream; the answer takes the other half of the latency.
    private mutating func arrive(_ device: Int, _ claim: Claim, _ attempt: Int64) {
        let answersAt = now + Int64.random(in: script.latencyMs, using: &random) / 2
        let outcome: Outcome
        if now < script.outageMs {
            outcome = .unanswered(.refused, detail: "away")
        } else {
            let second = Int((now - script.outageMs) / 1000)
            while seconds.count <= second { seconds.append((0, 0)) }
            report.requests += 1
            seconds[second].requests += 1
            tokens = min(script.burst, tokens + Double(now - filledAt) * script.capacity / 1000)
            filledAt = now
            if tokens >= 1 {
                tokens -= 1
                report.delivered += 1
                report.drainedMs = now - script.outageMs
                outcome = .accepted(Answer(status: 200))
            } else {
                report.rejected += 1
                seconds[second].rejected += 1
                outcome = .refused(.transient, Answer(status: 429, retryAfterMs: script.retryAfterMs))
            }
        }
        add(.input(device, .attempted(seq: claim.seq, attempt: attempt, outcome)), at: answersAt)
    }

    // MARK: The agenda

    private mutating func add(_ item: Item, at: Int64) {
        number += 1
        heap.append(Entry(at: at, number: number, item: item))
        var child = heap.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        heap[a].at != heap[b].at ? heap[a].at < heap[b].at : heap[a].number < heap[b].number
    }

    private mutating func pop() -> Entry? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) { least = child }
            if least == parent { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
