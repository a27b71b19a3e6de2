import AsyncHTTPClient
import GuardianCore
import NIOCore
import NIOHTTP1

extension HTTPTransport {
    /// The answer to `request` and the URL that gave it: 307 and 308 within the origin are followed with method, headers and body.
    /// `answered` is what came of its first sending where that is known already. `watch` hears of each request before it goes out, and what
    /// it makes of each answer but the last, which is the caller's to tell. Throws ``TooManyRedirects`` beside the client's own errors.
    func follow(
        _ request: OutgoingRequest, answered: (IncomingAnswer, WireWatch?)? = nil, limit: Int? = nil,
        watch: (OutgoingRequest) -> WireWatch?
    ) async throws -> (answer: IncomingAnswer, url: String, watch: WireWatch?) {
        var (request, answered) = (request, answered)
        for _ in 0...Self.redirectLimit {
            let watched = answered.map(\.1) ?? watch(request)
            let answer = if let (answer, _) = answered { answer } else { try await execute(request, limit: limit) }
            answered = nil
            // What a redirect says beside its target is of no use, however long it is.
            guard let next = redirect(answer, from: request.url) else { return (answer, request.url, watched) }
            watched?.answered(answer)
            request.url = next
        }
        throw TooManyRedirects()
    }

    /// Where within the origin `answer` sends its request.
    func redirect(_ answer: IncomingAnswer, from url: String) -> String? {
        guard answer.status == .temporaryRedirect || answer.status == .permanentRedirect else { return nil }
        return answer.headers.first(name: "location").flatMap { origin.resolve($0, from: url) }
    }

    /// Puts `request` on the wire. Throws when its URL can't be read.
    func start(_ request: OutgoingRequest, limit: Int? = nil) throws -> HTTPClient.Task<IncomingAnswer> {
        let prepared = try request.prepared()
        let collector = AnswerCollector(limit: limit ?? configuration.responseBodyLimit)
        let (loop, number) = loops.begin()
        let task = client.execute(request: prepared, delegate: collector, eventLoop: .delegate(on: loop))
        task.futureResult.whenComplete { [loops] _ in loops.end(number) }
        return task
    }

    /// Bytes of the answer's body up to `limit` are read, up to those of the configuration by default.
    private func execute(_ request: OutgoingRequest, limit: Int?) async throws -> IncomingAnswer {
        try Task.checkCancellation()
        let task = try start(request, limit: limit)
        return try await withTaskCancellationHandler {
            let result: Result<IncomingAnswer, any Error>
            do { result = .success(try await task.futureResult.get()) } catch { result = .failure(error) }
            return try AnswerCollector.result(result).get()
        } onCancel: {
            task.cancelLater()
        }
    }
}

/// More redirects than ``HTTPTransport/redirectLimit``.
struct TooManyRedirects: Error {
    static let outcome = Outcome.refused(
        .permanent, Answer(status: 308, code: "TOO_MANY_REDIRECTS", message: "more than \(HTTPTransport.redirectLimit) redirects"))
}
