import AsyncHTTPClient
import GuardianCore
import NIOCore
import NIOHTTP1

extension HTTPTransport {
    /// An operation on its way, and its place among those that were given at once. By reference: it passes through many hands.
    final class Attempt: Sendable {
        let place: Int
        let operation: Operation
        let draft: Draft
        let timeoutMs: Int64

        init(place: Int, operation: Operation, draft: Draft, timeoutMs: Int64) {
            self.place = place
            self.operation = operation
            self.draft = draft
            self.timeoutMs = timeoutMs
        }
    }

    /// The request of an attempt that goes alone.
    private final class Begun: Sendable {
        let attempt: Attempt
        let plain: OutgoingRequest
        /// nil where it goes as it is.
        let compressed: OutgoingRequest?
        let deadline: NIODeadline
        let watch: WireWatch?

        init(_ attempt: Attempt, token: String?, by transport: HTTPTransport) {
            self.attempt = attempt
            deadline = .now() + .milliseconds(attempt.timeoutMs)
            plain = transport.request(attempt.operation, attempt.draft, token: token)
            compressed = transport.compression.coded(attempt.draft.body).map(plain.carrying)
            watch = transport.watch(compressed ?? plain, [(attempt.operation, attempt.draft.body)])
        }

        var sent: OutgoingRequest { compressed ?? plain }
    }

    /// Bytes. Longer answers are not read on the network's own threads, which others wait for.
    private static let readAtOnce = 64 << 10

    /// Sends all at once, each by itself, and tells the outcome of each as soon as it is known. Most take one request, whose answer is read
    /// on the network's own threads; what takes more goes on in a task. Once this is cancelled nothing more goes out.
    func send(_ attempts: [Attempt], token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void) async {
        guard !attempts.isEmpty, !Task.isCancelled else { return }
        let group = RequestGroup(attempts.count)
        await withTaskCancellationHandler {
            for attempt in attempts { send(attempt, token: token, in: group, tell: tell) }
            await group.ended()
        } onCancel: {
            group.giveUp()
        }
    }

    private func send(
        _ attempt: Attempt, token: String?, in group: RequestGroup, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void
    ) {
        let place = attempt.place
        do {
            if group.isGivenUp { throw CancellationError() }
            let begun = Begun(attempt, token: token, by: self)
            let request = try start(begun.sent)
            let number = timer.add(request, until: begun.deadline)
            group.add(place) { request.cancelLater() }
            request.futureResult.whenComplete { [self] result in
                let isLate = timer.remove(number)
                switch read(AnswerCollector.result(result), begun) {
                case .over(let outcome):
                    tell(place, isLate && outcome == .interrupted ? Self.noAnswerInTime : outcome)
                    group.end(place)
                case .goesOn(let answer):
                    // No child of anything, for a callback has no task; the group gives it up, and waits for it.
                    let task = Task {
                        tell(place, await goOn(answer, begun))
                        group.end(place)
                    }
                    group.add(place) { task.cancel() }
                }
            }
        } catch {
            // Nothing has gone out: it was given up, or its URL can't be read.
            tell(place, NetworkErrors.outcome(of: error))
            group.end(place)
        }
    }

    private enum Reading {
        case over(Outcome)
        /// It asks for another request, or is better read elsewhere.
        case goesOn(IncomingAnswer)
    }

    private func read(_ result: Result<IncomingAnswer, any Error>, _ begun: Begun) -> Reading {
        let answer: IncomingAnswer
        switch result {
        case .failure(let error): return .over(NetworkErrors.outcome(of: error))
        case .success(let success): answer = success
        }
        let draft = begun.attempt.draft
        // An observer takes its time.
        if begun.watch != nil { return .goesOn(answer) }
        if answer.body.readableBytes > Self.readAtOnce || redirect(answer, from: begun.sent.url) != nil { return .goesOn(answer) }
        if begun.compressed != nil, compression.isRefusal(answer.status, at: draft.route.path) { return .goesOn(answer) }
        return .over(read(answer, begun.attempt.operation, draft.route, begun.sent.url))
    }

    private func goOn(_ answer: IncomingAnswer, _ begun: Begun) async -> Outcome {
        let (operation, draft) = (begun.attempt.operation, begun.attempt.draft)
        let leftMs = max(0, (begun.deadline - .now()).nanoseconds / 1_000_000)
        return await bounded(leftMs) {
            do {
                var last = try await follow(begun.sent, answered: (answer, begun.watch)) { self.watch($0, [(operation, draft.body)]) }
                if begun.compressed != nil {
                    last = try await unlessRefused(last, begun.plain, at: draft.route.path) { self.watch($0, [(operation, draft.body)]) }
                }
                last.watch?.answered(last.answer)
                return read(last.answer, operation, draft.route, last.url)
            } catch {
                return NetworkErrors.outcome(of: error)
            }
        }
    }
}
