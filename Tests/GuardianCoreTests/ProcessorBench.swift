import GuardianCore

/// A processor on the bench: a test gives it inputs at times of its choosing, and sees what it wants done.
struct ProcessorBench {
    var processor: Processor
    var now = Moment(steady: 0, wall: Timestamp(milliseconds: 1_767_225_600_000))
    private var random = Xoshiro256(seed: 1)

    init(workers: Int = 4, owner: String = "p") {
        processor = Processor(owner: owner, configuration: ProcessorConfiguration(workers: workers))
    }

    mutating func pass(ms: Int64) {
        now.steady += ms
        now.wall = now.wall.adding(milliseconds: ms)
    }

    mutating func give(_ input: Processor.Input) -> [Processor.Action] { processor.handle(input, now: now, random: &random) }

    /// Gives it the lock under `epoch`, a token when it asks for one, and an answer to the exchange that it then makes.
    mutating func begin(epoch: Int64 = 1, control: Control = Control(), token: String? = nil) -> [Processor.Action] {
        var actions = give(.tick)
        actions += give(.lockAnswered(.acquired(fence(epoch), takenOver: nil, returned: 0), control))
        if actions.asksForToken { actions += give(.tokenAnswered(.success(token.map { Token($0) }))) }
        return actions + give(.exchanged(.success(ExchangeResult(pauses: control.pauses))))
    }

    func fence(_ epoch: Int64) -> Fence { Fence(owner: processor.owner, epoch: epoch) }

    /// A claim of the operation with number `seq`, alone in its line.
    func claim(_ seq: Int64, epoch: Int64 = 1, priority: Int = 0) -> Claim {
        var random = Xoshiro256(seed: UInt64(seq))
        let operation = Operation(
            seq: seq, id: .text("n\(seq)"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update",
            entity: EntityKey(type: "room", id: "\(seq)"), payload: "{}", priority: priority, status: .processing, enqueuedAt: now.wall)
        return Claim(operation: operation, fence: fence(epoch))
    }

    /// The store's answer to the exchange under way.
    mutating func claims(_ seqs: ClosedRange<Int64>, epoch: Int64 = 1) -> [Processor.Action] {
        give(.exchanged(.success(ExchangeResult(claims: seqs.map { claim($0, epoch: epoch) }))))
    }
}

/// A request that a processor wants sent.
struct Send: Equatable {
    var seq: Int64
    var attempt: Int64
    var token: String?
    var timeoutMs: Int64
}

extension [Processor.Action] {
    var events: [Event] { compactMap { if case .emit(let event, _) = $0 { event } else { nil } } }
    var exchanges: [Exchange] { compactMap { if case .exchange(let exchange) = $0 { exchange } else { nil } } }
    var settlements: [Settlement] { exchanges.flatMap(\.settlements) }
    var asksForToken: Bool { contains { if case .fetchToken = $0 { true } else { false } } }
    var asksForLock: Bool { contains { if case .acquireLock = $0 { true } else { false } } }
    var renewsLock: Bool { contains { if case .renewLock = $0 { true } else { false } } }
    var clampsRetries: Bool { contains { if case .clampRetries = $0 { true } else { false } } }
    var interruptsAll: Bool { contains { if case .interruptAll = $0 { true } else { false } } }

    var sends: [Send] {
        compactMap {
            guard case .send(let claim, let attempt, let token, let timeoutMs) = $0 else { return nil }
            return Send(seq: claim.seq, attempt: attempt, token: token, timeoutMs: timeoutMs)
        }
    }

    /// What it wants fetched.
    var fetches: [Send] {
        compactMap {
            guard case .fetch(let claim, let attempt, let token, let timeoutMs) = $0 else { return nil }
            return Send(seq: claim.seq, attempt: attempt, token: token, timeoutMs: timeoutMs)
        }
    }

    /// What it wants looked up.
    var looks: [Send] {
        compactMap {
            guard case .look(let claim, let attempt, let token, let timeoutMs) = $0 else { return nil }
            return Send(seq: claim.seq, attempt: attempt, token: token, timeoutMs: timeoutMs)
        }
    }
}
