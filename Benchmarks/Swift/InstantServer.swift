import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// An HTTP server that answers at once: the least that both sides can talk to.
final class InstantServer: Sendable {
    /// Where several operations come in one request; each gets the answer that it would get alone.
    static let batchPath = "/api/v1/batch"

    let url: String
    private let channel: any Channel

    private init(_ channel: any Channel) {
        self.channel = channel
        url = "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
    }

    static func start() async throws -> InstantServer {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .childChannelInitializer { channel in
                channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(Answerer())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return InstantServer(channel)
    }

    func stop() async throws { try await channel.close() }
}

private final class Answerer: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let alone = ByteBuffer(string: #"{"meta":{},"data":{}}"#)
    private static let marker = Array(#""idempotency_key":""#.utf8)
    private static let resultBegin = Array(#"{"idempotency_key":""#.utf8)
    private static let resultEnd = Array(#"","status":200,"body":{"meta":{},"data":{}}}"#.utf8)
    private static let keyLength = 36

    /// What has come of a request that carries several operations; nil in any other.
    private var several: ByteBuffer?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): several = head.uri == InstantServer.batchPath ? ByteBuffer() : nil
        case .body(var part): several?.writeBuffer(&part)
        case .end: answer(several.map(Self.results) ?? Self.alone, context)
        }
    }

    private func answer(_ body: ByteBuffer, _ context: ChannelHandlerContext) {
        let headers: HTTPHeaders = ["content-type": "application/json", "content-length": "\(body.readableBytes)"]
        context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: .ok, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private static func results(_ body: ByteBuffer) -> ByteBuffer {
        var out = ByteBuffer(string: #"{"meta":{},"data":{"results":["#)
        // Keys are found as text: payloads here have no such member.
        body.withUnsafeReadableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            var isFirst = true
            var place = 0
            while place + marker.count + keyLength <= bytes.count,
                let found = memchr(base + place, Int32(marker[0]), bytes.count - marker.count - keyLength - place + 1)
            {
                let begin = UnsafeRawPointer(found) - base + marker.count
                guard memcmp(found, marker, marker.count) == 0 else {
                    place = begin - marker.count + 1
                    continue
                }
                if !isFirst { out.writeString(",") }
                isFirst = false
                out.writeBytes(resultBegin)
                out.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[begin..<begin + keyLength]))
                out.writeBytes(resultEnd)
                place = begin + keyLength
            }
        }
        out.writeString("]}}")
        return out
    }
}
