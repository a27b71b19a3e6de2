import GuardianCore
import GuardianPrivacy
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle

extension API {
    /// A comment goes out this often, so that a reader that went away is noticed and proxies keep the connection.
    static let heartbeat = Duration.seconds(15)

    /// Server-sent events (WHATWG HTML section 9.2). A reader that does not keep up loses the oldest of its backlog.
    func events() -> Response {
        let events = engine.events
        let body = ResponseBody { writer in
            let (frames, source) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(4096))
            try await writer.write(ByteBuffer(string: ": events\n\n"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await event in events {
                        let data = Redactor.standard.redact(event.json(at: SystemClock().now.wall))
                        source.yield("event: \(event.name)\ndata: \(data.text)\n\n")
                    }
                    source.finish()
                }
                group.addTask {
                    while true {
                        try await Task.sleep(for: Self.heartbeat)
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
        var response = Response(status: .ok, body: body)
        response.headers[.contentType] = "text/event-stream"
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
