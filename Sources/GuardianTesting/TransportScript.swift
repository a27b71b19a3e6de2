import GuardianCore

/// What a ``ScriptedTransport`` has to say, who waits for it to say it, and what it has seen.
struct TransportScript: Sendable {
    /// A request that a test holds.
    struct Held: Sendable {
        var ticket: Int
        var attempt: ScriptedTransport.Attempt
        var answer: CheckedContinuation<Outcome, Never>
    }

    /// A request and the answer that is due to it.
    struct Answered: Sendable {
        var outcome: Outcome
        var answer: CheckedContinuation<Outcome, Never>
    }

    var recording = Recording<ScriptedTransport.Attempt>()
    var sends: ScriptedAnswers<Outcome>
    var fetches = ScriptedAnswers<Fetch> { _ in .unable }
    var looks = ScriptedAnswers<Look> { _ in .unable }
    private(set) var fetched: [ScriptedTransport.Attempt] = []
    private(set) var looked: [ScriptedTransport.Attempt] = []
    var holds: (@Sendable (Claim) -> Bool)?
    private(set) var held: [Held] = []
    private(set) var most = 0
    private(set) var mostOfKey: [String: Int] = [:]
    private var onWire: [String: Int] = [:]
    private var cancelled: Set<Int> = []
    private var tickets = 0

    init(otherwise: @escaping @Sendable (ScriptedTransport.Attempt) -> Outcome) { sends = ScriptedAnswers(otherwise: otherwise) }

    mutating func ticket() -> Int {
        tickets += 1
        return tickets
    }

    /// A request comes in. Returns its answer, or nil when it is held or the answer has been given; and the tests to wake.
    mutating func arrive(
        _ ticket: Int, _ attempt: ScriptedTransport.Attempt, _ answer: CheckedContinuation<Outcome, Never>
    ) -> (outcome: Outcome?, woken: [CheckedContinuation<Void, Never>]) {
        var attempt = attempt
        attempt.number = recording.elements.count + 1
        let key = attempt.operation.orderingKey
        onWire[key, default: 0] += 1
        most = max(most, onWire.values.reduce(0, +))
        mostOfKey[key] = max(mostOfKey[key, default: 0], onWire[key, default: 0])
        let woken = recording.add(attempt)
        if cancelled.remove(ticket) != nil { return (.interrupted, woken) }
        if let holds, holds(attempt.claim) {
            held.append(Held(ticket: ticket, attempt: attempt, answer: answer))
            return (nil, woken)
        }
        return (sends.take(for: attempt), woken)
    }

    /// The request is over.
    mutating func leave(_ orderingKey: String) {
        onWire[orderingKey, default: 1] -= 1
        if onWire[orderingKey] == 0 { onWire[orderingKey] = nil }
    }

    /// The engine gives up on a request.
    mutating func cancel(_ ticket: Int) -> CheckedContinuation<Outcome, Never>? {
        guard let index = held.firstIndex(where: { $0.ticket == ticket }) else {
            cancelled.insert(ticket)
            return nil
        }
        return held.remove(at: index).answer
    }

    /// Answers held requests, the oldest first.
    mutating func release(_ outcome: Outcome? = nil, where matches: (ScriptedTransport.Attempt) -> Bool) -> [Answered] {
        let released = held.filter { matches($0.attempt) }
        held.removeAll { matches($0.attempt) }
        return released.map { Answered(outcome: outcome ?? sends.take(for: $0.attempt), answer: $0.answer) }
    }

    /// What is there is asked for.
    mutating func fetch(_ attempt: ScriptedTransport.Attempt) -> Fetch {
        var attempt = attempt
        attempt.number = fetched.count + 1
        fetched.append(attempt)
        return fetches.take(for: attempt)
    }

    /// Whether an operation has had its effect is asked.
    mutating func look(_ attempt: ScriptedTransport.Attempt) -> Look {
        var attempt = attempt
        attempt.number = looked.count + 1
        looked.append(attempt)
        return looks.take(for: attempt)
    }
}
