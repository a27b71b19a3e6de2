import Hummingbird
import NIOCore
import ServiceLifecycle

extension Response {
    /// A comment goes out this often, so that a reader that went away is noticed and proxies keep the connection.
    static let heartbeat = Duration.seconds(15)

    /// Server-sent events (WHATWG HTML section 9.2) for as long as `body` sends some, and the server and the reader are there. A reader
    /// that does not keep up loses the oldest of its backlog, and is told how many.
    static func eventStream(
        greeting: String, backlog: Int, _ body: @escaping @Sendable (_ sender: EventSender) async throws -> Void
    ) -> Response {
        let content = ResponseBody { writer in
            let (frames, source) = AsyncStream.makeStream(of: EventSender.Frame.self, bufferingPolicy: .bufferingNewest(backlog))
            try await writer.write(ByteBuffer(string: ": \(greeting)\n\n"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { source.finish() }
                    try await body(EventSender(source))
                }
                group.addTask {
                    while true {
                        try await Task.sleep(for: heartbeat)
                        source.yield(EventSender.Frame(text: ": still here\n\n"))
                    }
                }
                group.addTask {
                    try await gracefulShutdown()
                    source.finish()
                }
                var last = 0
                for await frame in frames {
                    if let number = frame.number {
                        let missed = number - last - 1
                        if missed > 0 { try await writer.write(ByteBuffer(string: EventSender.missed(missed))) }
                        last = number
                    }
                    try await writer.write(ByteBuffer(string: frame.text))
                }
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
