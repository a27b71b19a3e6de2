import NIOCore

/// How long a connection may go on when its server ends: what is under way gets this time, and is then cut off.
///
/// The server itself is not cancelled: connections that it has accepted and not yet taken up would trap in swift-nio
/// (`NIOAsyncWriter` is let go without having been finished).
final class Goodbye: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    /// A server that still has not ended by then is stuck, and is cancelled after all.
    static let longest = Duration.seconds(10)

    private let time: TimeAmount
    private var end: Scheduled<Void>?

    init(_ time: Duration) { self.time = TimeAmount(time) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent, end == nil {
            end = context.eventLoop.assumeIsolated().scheduleTask(in: time) { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end?.cancel()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end?.cancel() }
}
