package import NIOCore
import NIOHTTPTypes

extension APIServer.Configuration {
    /// What ends one connection when its client takes too long.
    package func patience() -> any RemovableChannelHandler { Patience(Patience.Limits(waitMs: patienceMs)) }
}

/// How long a client may take: one that sends its request in drops, or never takes its answer, holds nothing up.
///
/// The whole head of a request must be there in time, however its bytes are spread; a body must come at some speed, counted only while the
/// server reads; what is sent must be taken, each piece of a long answer in that time and not the whole. Between requests a connection may
/// rest.
final class Patience: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    struct Limits: Sendable, Equatable {
        /// Milliseconds for a head, for each piece of a body, and for something of an answer to be taken; 10 s.
        var waitMs: Int64 = 10_000
        /// Bytes of a body that must come in that time.
        var bodyBytes = 1024
        /// Milliseconds that a connection may rest between requests; 75 s.
        var restMs: Int64 = 75_000
    }

    /// Bytes of an answer that are watched together. Less than what a connection lets wait before it says that it is full.
    private static let piece = 16 << 10

    private let limits: Limits
    private var head: Scheduled<Void>?
    private var body: Scheduled<Void>?
    private var taking: Scheduled<Void>?
    private var received = 0
    /// Requests that are not answered to their end.
    private var waiting = 0
    /// Whether bytes would be taken if there were any: a body that nobody reads is not slow.
    private var isReading = false

    init(_ limits: Limits) { self.limits = limits }

    func handlerAdded(context: ChannelHandlerContext) { head = timer(context, limits.waitMs) { $0.close(promise: nil) } }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            head?.cancel()
            head = nil
            received = 0
            waiting += 1
            watchBody(context)
        case .body(let bytes): received += bytes.readableBytes
        case .end:
            body?.cancel()
            body = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        isReading = true
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) {
            waiting -= 1
            if waiting == 0, head == nil { rest(context) }
        }
        guard case .body(var bytes) = unwrapOutboundIn(data), bytes.readableBytes > Self.piece else {
            return context.write(data, promise: promise)
        }
        // In pieces, for only what was taken whole is told.
        while bytes.readableBytes > Self.piece, let piece = bytes.readSlice(length: Self.piece) {
            let taken = context.eventLoop.makePromise(of: Void.self)
            taken.futureResult.assumeIsolated().whenSuccess { [self] _ in
                if taking != nil { watchTaking(context) }
            }
            context.write(wrapOutboundOut(.body(piece)), promise: taken)
        }
        context.write(wrapOutboundOut(.body(bytes)), promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            taking?.cancel()
            taking = nil
        } else {
            watchTaking(context)
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { stop() }

    private func stop() {
        for timer in [head, body, taking] { timer?.cancel() }
        (head, body, taking) = (nil, nil, nil)
    }

    /// Waits for the next request. While the last answer is being taken there is no rest yet.
    private func rest(_ context: ChannelHandlerContext) {
        head = timer(context, limits.restMs) { [self] context in
            if taking != nil { rest(context) } else { context.close(promise: nil) }
        }
    }

    private func watchTaking(_ context: ChannelHandlerContext) {
        taking?.cancel()
        taking = timer(context, limits.waitMs) { $0.close(promise: nil) }
    }

    private func watchBody(_ context: ChannelHandlerContext) {
        let before = received
        body = timer(context, limits.waitMs) { [self] context in
            if isReading, received - before < limits.bodyBytes { return context.close(promise: nil) }
            watchBody(context)
        }
    }

    private func timer(
        _ context: ChannelHandlerContext, _ milliseconds: Int64, _ body: @escaping (ChannelHandlerContext) -> Void
    ) -> Scheduled<Void> {
        context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) { body(context) }
    }
}
