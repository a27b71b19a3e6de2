public import GuardianCore
import Synchronization

/// A transport that answers from a script, can hold requests, and remembers every attempt: the network of a test.
///
/// Without a script every request is accepted with status 200, at once. What was written for the operation is said first, then what was
/// written for its entity, then what was written for whoever comes next, then the answer of ``answerOtherwise(_:)``. The script is asked
/// when a request is answered, so a test that holds requests may look first and write after. It knows no time: a held request waits
/// until it is released or the engine cancels it, whatever its timeout.
///
/// Fetches (what the upstream has of an entity, to settle a conflict) and looks (whether an operation has had its effect) have scripts of
/// their own, with the same precedence. Without one they answer like a transport that can do neither: ``Fetch/unable`` leaves conflicts to
/// a person, ``Look/unable`` leaves an outcome unclear.
public final class ScriptedTransport: Transport, Recorder {
    /// One request, as the engine handed it over.
    public struct Attempt: Sendable, Equatable {
        /// Its place among all of its kind: attempts, fetches or looks; the first is 1.
        public var number: Int
        /// The operation and the fence under which it was claimed.
        public var claim: Claim
        /// The credential it was sent with; nil when there is none.
        public var token: String?
        /// Milliseconds after which a real transport gives up.
        public var timeoutMs: Int64

        /// What was sent.
        public var operation: Operation { claim.operation }
    }

    private let state: Mutex<TransportScript>

    /// A transport with an empty script. `outcome` answers whatever the script says nothing about; status 200 by default.
    public init(otherwise outcome: Outcome = .accepted(Answer(status: 200))) {
        state = Mutex(TransportScript { _ in outcome })
    }

    // MARK: The script

    /// From now on `outcome` answers whatever the script says nothing about.
    public func answerOtherwise(_ outcome: Outcome) { answerOtherwise { _ in outcome } }

    /// From now on `answer` finds the answer to whatever the script says nothing about. It must return at once, and must not call the
    /// transport.
    public func answerOtherwise(by answer: @escaping @Sendable (Attempt) -> Outcome) { state.withLock { $0.sends.otherwise = answer } }

    /// Adds answers for the next requests, whosever they are, one each.
    public func answer(_ outcomes: Outcome...) { state.withLock { $0.sends.next += outcomes } }

    /// Adds answers for the next requests of an entity, one each.
    public func answer(entity: EntityKey, _ outcomes: Outcome...) { state.withLock { $0.sends.ofEntity[entity, default: []] += outcomes } }

    /// Adds answers for the next attempts of an operation, one each.
    public func answer(operation: OperationID, _ outcomes: Outcome...) {
        state.withLock { $0.sends.ofOperation[operation, default: []] += outcomes }
    }

    // MARK: The script of fetches

    /// From now on `fetch` answers the fetches that the script says nothing about.
    public func answerFetchOtherwise(_ fetch: Fetch) { answerFetchOtherwise { _ in fetch } }

    /// From now on `answer` finds the answer to fetches that the script says nothing about. It must return at once, and must not call the
    /// transport.
    public func answerFetchOtherwise(by answer: @escaping @Sendable (Attempt) -> Fetch) {
        state.withLock { $0.fetches.otherwise = answer }
    }

    /// Adds answers for the next fetches, whosever they are, one each.
    public func answerFetch(_ fetches: Fetch...) { state.withLock { $0.fetches.next += fetches } }

    /// Adds answers for the next fetches of an entity, one each.
    public func answerFetch(entity: EntityKey, _ fetches: Fetch...) {
        state.withLock { $0.fetches.ofEntity[entity, default: []] += fetches }
    }

    /// Adds answers for the next fetches for an operation, one each.
    public func answerFetch(operation: OperationID, _ fetches: Fetch...) {
        state.withLock { $0.fetches.ofOperation[operation, default: []] += fetches }
    }

    // MARK: The script of looks

    /// From now on `look` answers the looks that the script says nothing about.
    public func answerLookOtherwise(_ look: Look) { answerLookOtherwise { _ in look } }

    /// From now on `answer` finds the answer to looks that the script says nothing about. It must return at once, and must not call the
    /// transport.
    public func answerLookOtherwise(by answer: @escaping @Sendable (Attempt) -> Look) { state.withLock { $0.looks.otherwise = answer } }

    /// Adds answers for the next looks, whosever they are, one each.
    public func answerLook(_ looks: Look...) { state.withLock { $0.looks.next += looks } }

    /// Adds answers for the next looks at an entity, one each.
    public func answerLook(entity: EntityKey, _ looks: Look...) { state.withLock { $0.looks.ofEntity[entity, default: []] += looks } }

    /// Adds answers for the next looks for an operation, one each.
    public func answerLook(operation: OperationID, _ looks: Look...) {
        state.withLock { $0.looks.ofOperation[operation, default: []] += looks }
    }

    // MARK: Holding

    /// From now on requests wait until the test releases them: all, or those whose claim `matches`. Replaces an earlier hold, but what
    /// waits already goes on waiting.
    public func hold(where matches: @escaping @Sendable (Claim) -> Bool = { _ in true }) { state.withLock { $0.holds = matches } }

    /// Ends the hold, and answers all that wait, the oldest first.
    public func release() {
        let answered = state.withLock { state in
            state.holds = nil
            return state.release { _ in true }
        }
        for request in answered { request.answer.resume(returning: request.outcome) }
    }

    /// Answers the request of one operation; the hold goes on. `outcome` is its answer, the script's by default. Returns whether the
    /// operation was among those that wait.
    @discardableResult
    public func release(_ id: OperationID, with outcome: Outcome? = nil) -> Bool {
        let answered = state.withLock { state in state.release(outcome) { $0.operation.id == id } }
        for request in answered { request.answer.resume(returning: request.outcome) }
        return !answered.isEmpty
    }

    /// The requests that wait to be released, the oldest first.
    public var held: [Attempt] { state.withLock { $0.held.map(\.attempt) } }

    // MARK: What was seen

    /// Every request so far, in order, the answered and the cancelled included; fetches and looks are not among them.
    public var attempts: [Attempt] { state.withLock { $0.recording.elements } }

    /// Every fetch so far, in order.
    public var fetches: [Attempt] { state.withLock { $0.fetched } }

    /// Every look so far, in order.
    public var looks: [Attempt] { state.withLock { $0.looked } }

    /// Returns once there were `count` requests since the beginning, with all of them so far. Returns fewer only when the test's task is
    /// cancelled.
    @discardableResult
    public func waitForAttempts(_ count: Int) async -> [Attempt] {
        await waitForElements(count)
        return attempts
    }

    /// How many requests were on the wire at once, at most.
    public var mostInFlight: Int { state.withLock { $0.most } }

    /// How many requests of one ordering key were on the wire at once, at most.
    public func mostInFlight(of orderingKey: String) -> Int { state.withLock { $0.mostOfKey[orderingKey] ?? 0 } }

    // MARK: Transport

    /// Answers from the script; `.interrupted` when the task is cancelled.
    public func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome {
        let ticket = state.withLock { $0.ticket() }
        let attempt = Attempt(number: 0, claim: claim, token: token, timeoutMs: timeoutMs)
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { answer in
                let (outcome, woken) = state.withLock { $0.arrive(ticket, attempt, answer) }
                if let outcome { answer.resume(returning: outcome) }
                for test in woken { test.resume() }
            }
        } onCancel: {
            state.withLock { $0.cancel(ticket) }?.resume(returning: .interrupted)
        }
        state.withLock { $0.leave(claim.operation.orderingKey) }
        return outcome
    }

    /// Answers from its script at once, also while requests are held.
    public func fetch(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Fetch {
        state.withLock { $0.fetch(Attempt(number: 0, claim: claim, token: token, timeoutMs: timeoutMs)) }
    }

    /// Answers from its script at once, also while requests are held.
    public func look(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Look {
        state.withLock { $0.look(Attempt(number: 0, claim: claim, token: token, timeoutMs: timeoutMs)) }
    }

    func withRecording<Value: Sendable>(_ body: (inout Recording<Attempt>) -> Value) -> Value {
        state.withLock { body(&$0.recording) }
    }
}
