import NIOCore

/// Cuts a connection off when its server has been ending for a second. A server that is cancelled instead traps while it accepts a
/// connection (swift-nio's `NIOAsyncWriter` is let go without having been finished).
final class Farewell: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }
}
