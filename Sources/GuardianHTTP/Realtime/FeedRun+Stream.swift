import AsyncHTTPClient
import GuardianCore
import NIOCore
import NIOHTTP1

extension FeedRun {
    /// Reads the stream to its end. nil is an end like any other.
    func readStream(refreshToken: Bool, _ watch: SilenceWatch) async -> Ending? {
        do throws(Ending) {
            var fields: HTTPHeaders = ["accept": "text/event-stream", "cache-control": "no-store"]
            let cursor = cursor
            if let cursor { fields.add(name: "last-event-id", value: cursor) }
            let response = try await get(configuration.streamPath, fields, refreshToken: refreshToken, watch)
            guard Self.isEventStream(response.headers) else { throw .failed(.unreadable) }
            schedule { $0.opened(at: $1) }
            tell(.streaming)
            let limit = configuration.eventBytes
            var events = ServerSentEvents(lineLimit: limit, eventLimit: limit, lastEventID: cursor ?? "")
            var parts = response.body.makeAsyncIterator()
            while true {
                watch.listen()
                let part: ByteBuffer?
                do { part = try await parts.next() } catch { throw .failed(.closed) }
                guard watch.hear() else { throw .failed(.silent) }
                guard let part else { return .failed(.closed) }
                var items: [ServerSentEvents.Item] = []
                let defect = part.withUnsafeReadableBytes { bytes -> ServerSentEvents.TooLarge? in
                    do throws(ServerSentEvents.TooLarge) { try events.read(bytes, into: &items) } catch { return error }
                    return nil
                }
                try await take(items)
                if defect != nil { throw .failed(.unreadable) }
            }
        } catch {
            return error
        }
    }

    private static func isEventStream(_ headers: HTTPHeaders) -> Bool {
        let type = headers.first(name: "content-type")?.prefix { $0 != ";" } ?? ""
        return type.lowercased().filter { $0 != " " && $0 != "\t" } == "text/event-stream"
    }

    /// Hands over what the items tell, in batches. A change that can't be read ends the stream; what came before it is handed over.
    private func take(_ items: [ServerSentEvents.Item]) async throws(Ending) {
        var changes: [RemoteChange] = []
        var position = cursor
        for item in items {
            switch item {
            case .retry(let milliseconds): schedule { schedule, _ in schedule.serverAsked(retryMs: milliseconds) }
            case .lastEventID(let id): if !id.isEmpty { position = id }
            case .event(let event) where event.type == "change":
                do throws(RemoteChange.Defect) {
                    let change = try Self.change(event)
                    changes.append(change)
                    position = change.cursor
                } catch {
                    try await deliver(changes, position)
                    throw .failed(.unreadable)
                }
            case .event(let event) where event.type == "reset":
                try await deliver(changes, position)
                changes = []
                guard let next = Self.resetCursor(event) else { throw .failed(.unreadable) }
                try await deliver(ChangeBatch(cursor: next, reset: .tooOld))
                position = next
            case .event(let event): if !event.id.isEmpty { position = event.id }
            }
            if changes.count >= configuration.pageLimit {
                try await deliver(changes, position)
                changes = []
            }
        }
        try await deliver(changes, position)
    }

    private func deliver(_ changes: [RemoteChange], _ position: String?) async throws(Ending) {
        if let position { try await deliver(ChangeBatch(changes, cursor: position)) }
    }

    private static func change(_ event: ServerSentEvents.Event) throws(RemoteChange.Defect) -> RemoteChange {
        let json: JSONValue
        do throws(JSONScanner.Defect) { json = try JSONValue(parsing: event.data) } catch {
            throw RemoteChange.Defect(field: "change", constraint: error.constraint)
        }
        return try RemoteChange(json, cursor: event.id)
    }

    /// The event's ID, or `next` in its data.
    private static func resetCursor(_ event: ServerSentEvents.Event) -> String? {
        do {
            let next = event.id.isEmpty ? try JSONValue(parsing: event.data)["next"]?.string : event.id
            return try RemoteChange.cursor(next, "next")
        } catch {
            return nil
        }
    }
}
