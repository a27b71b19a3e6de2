import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// An answer as it came in.
struct IncomingAnswer: Sendable {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders
    var body = ByteBuffer()
    /// Whether it is larger than what is read of one; its body says that then.
    var isTooLarge = false
}

extension HTTPClient.Task where Response == IncomingAnswer {
    /// Cancels it from its own event loop, and never at once: what ends with it runs where no lock of the caller's is held.
    func cancelLater() { eventLoop.execute { self.cancel() } }
}

/// Takes in the answer to one request, its body up to a limit. What is larger ends the request, and its connection.
final class AnswerCollector: HTTPClientResponseDelegate {
    typealias Response = IncomingAnswer

    /// Ends a request whose answer is larger than what is read of one.
    private struct TooLarge: Error {
        var answer: IncomingAnswer
    }

    private let limit: Int
    private let answer = Mutex<IncomingAnswer?>(nil)

    init(limit: Int) { self.limit = limit }

    /// What came of a request that this took the answer of.
    static func result(_ result: Result<IncomingAnswer, any Error>) -> Result<IncomingAnswer, any Error> {
        guard case .failure(let error as TooLarge) = result else { return result }
        return .success(error.answer)
    }

    func didReceiveHead(task: HTTPClient.Task<IncomingAnswer>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        answer.withLock { $0 = IncomingAnswer(status: head.status, headers: head.headers) }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<IncomingAnswer>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        let tooLarge = answer.withLock { answer -> TooLarge? in
            guard let size = answer?.body.readableBytes else { return nil }
            if size + buffer.readableBytes > limit {
                answer?.body = ByteBuffer(string: "the answer is larger than \(limit) bytes")
                answer?.isTooLarge = true
                return answer.map { TooLarge(answer: $0) }
            }
            var buffer = buffer
            // Most come in one part.
            if size == 0 { answer?.body = buffer } else { answer?.body.writeBuffer(&buffer) }
            return nil
        }
        return tooLarge.map { task.eventLoop.makeFailedFuture($0) } ?? task.eventLoop.makeSucceededVoidFuture()
    }

    func didFinishRequest(task: HTTPClient.Task<IncomingAnswer>) throws -> IncomingAnswer {
        guard let answer = answer.withLock({ $0 }) else { throw HTTPClientError.remoteConnectionClosed }
        return answer
    }
}
