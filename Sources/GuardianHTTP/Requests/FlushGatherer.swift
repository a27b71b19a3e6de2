import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Makes one flush of those that come in one turn of the event loop: the client flushes a request's head and its body each by itself, which
/// would be two packets, and two calls of the system.
final class FlushGatherer: ChannelOutboundHandler {
    typealias OutboundIn = NIOAny

    private var isDue = false

    func flush(context: ChannelHandlerContext) {
        guard !isDue else { return }
        isDue = true
        context.eventLoop.assumeIsolated().execute { self.flushNow(context) }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        flushNow(context)
        context.close(mode: mode, promise: promise)
    }

    private func flushNow(_ context: ChannelHandlerContext) {
        guard isDue else { return }
        isDue = false
        context.flush()
    }
}

extension HTTPClient.Configuration {
    /// Puts a ``FlushGatherer`` into each connection over HTTP/1.1, before anything else that is done to a new one.
    mutating func gatherFlushes() {
        let next = http1_1ConnectionDebugInitializer
        http1_1ConnectionDebugInitializer = { channel in
            channel.onLoop {
                do {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(FlushGatherer(), position: .before(pipeline.handler(type: HTTPRequestEncoder.self)))
                } catch {
                    return channel.eventLoop.makeFailedFuture(error)
                }
                return next?(channel) ?? channel.eventLoop.makeSucceededVoidFuture()
            }
        }
    }
}

extension Channel {
    /// Runs `body` on the channel's event loop, at once where this is it: in between the connection could end.
    func onLoop(_ body: @escaping @Sendable () -> EventLoopFuture<Void>) -> EventLoopFuture<Void> {
        eventLoop.inEventLoop ? body() : eventLoop.flatSubmit(body)
    }
}
