import Hummingbird
import NIOCore
import ServiceLifecycle

extension Response {
    /// A comment goes out this often, so that a reader that went away is noticed and proxies keep the connection.
    static let heartbeat = Duration.seconds(15)

    /// Server-sent events (WHATWG HTML section 9.2) for as long as `body` sends some, and the server and the reader are there. A reader that
    /// does not keep up loses the oldest of its backlog.
    static func eventStream(
        greeting: String, backlog: Int,
        _ body: @escaping @Sendable (_ send: @escaping @Sendable (_ name: String, _ data: String) -> Void) async throws -> Void
    ) -> Response {
        let content = ResponseBody { writer in
            let (frames, source) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(backlog))
            try await writer.write(ByteBuffer(string: ": \(greeting)\n\n"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { source.finish() }
                    try await body { name, data in source.yield("event: \(name)\ndata: \(data)\n\n") }
                }
                group.addTask {
                    while true {
                        try await Task.sleep(for: heartbeat)
                        source.yield(": still here\n\n")
                    }
                }
                group.addTask {
                    try await gracefulShutdown()
                    source.finish()
                }
                for await frame in frames { try await writer.write(ByteBuffer(string: frame)) }
                group.cancelAll()
            }
            try await writer.finish(nil)
        }
        var response = Response(status: .ok, body: content)
        response.headers[.contentType] = "text/event-stream"
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
