import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle
import Synchronization

extension ReferenceUpstream {
    /// Thrown when the connection was ended on purpose.
    struct ReaderDropped: Error {}

    func stream(_ request: Request, _ call: Call, _ context: ConnectionContext, _ settings: ChangeSettings) -> Response {
        switch settings.stream {
        case .refused(204): return Response(status: .noContent)
        case .refused(let status): return call.error(.init(code: status), "NO_STREAM", "the settings say so")
        case .page: return .page(UpstreamMode.Stranger.html.page)
        case .garbage: return Self.eventStream { writer in try await Self.writeGarbage(&writer) }
        case .mute:
            return Self.eventStream { writer in
                // Without a byte the head would not go out.
                try await writer.write(ByteBuffer(string: ":\n"))
                try await withoutActuallyEnding()
                try await writer.finish(nil)
            }
        case .up, .closes:
            let since = request.headers["Last-Event-ID"] ?? request.uri.queryParameters["since"].map { String($0) } ?? ""
            let reader = ChangeReader(upstream: self, settings: settings, channel: context.channel)
            return Self.eventStream { writer in try await reader.run(since: since, &writer) }
        }
    }

    private static func eventStream(_ write: @Sendable @escaping (inout any ResponseBodyWriter) async throws -> Void) -> Response {
        var response = Response(status: .ok, body: .init(write))
        response.headers[.contentType] = "text/event-stream"
        response.headers[.cacheControl] = "no-store"
        return response
    }

    private static func writeGarbage(_ writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(ByteBuffer(string: "id: 7\nevent: change\ndata: {no json\n\n"))
        try await writer.write(ByteBuffer(bytes: (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }))
        try await writer.finish(nil)
    }
}

/// Returns when the server shuts down.
private func withoutActuallyEnding() async throws {
    do { try await gracefulShutdown() } catch is CancellationError {}
}

/// Feeds one reader from the log as fast as it reads. Nothing is buffered for it: its place in the log is all that is kept.
struct ChangeReader {
    let upstream: ReferenceUpstream
    let settings: ChangeSettings
    let channel: any Channel
    /// When the write under way has begun; nil when there is none.
    private let writingSince = Writing()

    init(upstream: ReferenceUpstream, settings: ChangeSettings, channel: any Channel) {
        (self.upstream, self.settings, self.channel) = (upstream, settings, channel)
    }

    private static let pauseBeforeCut = Duration.milliseconds(20)

    private final class Writing: Sendable { let since = Mutex<ContinuousClock.Instant?>(nil) }

    /// What goes out next.
    private struct Frame {
        var text: String
        var position: Int
        var count = 0
    }

    func run(since: String, _ writer: inout any ResponseBodyWriter) async throws {
        let (number, news, teller) = upstream.state.withLock { $0.changes.wait() }
        defer { upstream.state.withLock { $0.changes.leave(number) } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await beat(teller) }
            group.addTask { try await watch() }
            group.addTask {
                try await withoutActuallyEnding()
                teller.finish()
            }
            var frame = opening(since)
            var told = 0
            try await write(frame.text, &writer)
            var isFresh = true
            repeat {
                while let next = self.next(after: frame.position, told: told) {
                    frame = next
                    told += frame.count
                    try await write(frame.text, &writer)
                    if case .closes(let after, let abruptly) = settings.stream, told >= after { return try await end(abruptly, &writer) }
                    isFresh = true
                }
                if !isFresh { try await write(": still here\n\n", &writer) }
                isFresh = false
            } while await news.first { _ in true } != nil
            try await writer.finish(nil)
        }
    }

    /// Where the reader stands, as an event without data; a reset first when the log can't go on from where it stood.
    private func opening(_ since: String) -> Frame {
        upstream.state.withLock { state in
            let retry = settings.retryMs.map { "retry: \($0)\n" } ?? ""
            let log = state.changes
            if let position = log.position(of: since), case .changes = log.page(after: position, limit: 1) {
                return Frame(text: "\(retry)id: \(log.cursor(position))\n\n", position: position)
            }
            return Frame(text: retry + reset(log), position: log.last)
        }
    }

    private func reset(_ log: ChangeLog) -> String {
        let cursor = log.cursor(log.last)
        return "id: \(cursor)\nevent: reset\ndata: {\"next\":\"\(cursor)\"}\n\n"
    }

    /// The changes behind a position, as far as the settings let this reader have them; nil when there are none.
    private func next(after position: Int, told: Int) -> Frame? {
        var limit = 100
        if case .closes(let after, _) = settings.stream { limit = min(limit, max(0, after - told)) }
        return upstream.state.withLock { state in
            let log = state.changes
            guard case .changes(let changes) = log.page(after: position, limit: limit) else {
                return Frame(text: reset(log), position: log.last)
            }
            var frame = Frame(text: "", position: position)
            for change in changes where frame.text.utf8.count < ReferenceUpstream.fullPageBytes {
                frame.text += "id: \(log.cursor(change.n))\nevent: change\ndata: \(log.json(change))\n\n"
                frame.position = change.n
                frame.count += 1
            }
            return frame.count == 0 ? nil : frame
        }
    }

    private func write(_ text: String, _ writer: inout any ResponseBodyWriter) async throws {
        writingSince.since.withLock { $0 = .now }
        try await writer.write(ByteBuffer(string: text))
        writingSince.since.withLock { $0 = nil }
    }

    private func end(_ abruptly: Bool, _ writer: inout any ResponseBodyWriter) async throws {
        guard abruptly else { return try await writer.finish(nil) }
        try await write("id: never-ended\nevent: change\ndata: {\"cursor\":\"never-en", &writer)
        // A client may throw away what it has received and not read when its connection breaks.
        try await Task.sleep(for: Self.pauseBeforeCut)
        try await channel.close()
        throw ReferenceUpstream.ReaderDropped()
    }

    /// Wakes the reader for its heartbeats.
    private func beat(_ teller: AsyncStream<Void>.Continuation) async throws {
        while true {
            try await Task.sleep(for: .milliseconds(settings.heartbeatMs))
            teller.yield()
        }
    }

    /// Drops a reader that does not take what is written to it.
    private func watch() async throws {
        let patience = Duration.milliseconds(settings.patienceMs)
        while true {
            try await Task.sleep(for: patience / 4)
            guard let since = writingSince.since.withLock({ $0 }), .now - since > patience else { continue }
            try await channel.close()
            throw ReferenceUpstream.ReaderDropped()
        }
    }
}
