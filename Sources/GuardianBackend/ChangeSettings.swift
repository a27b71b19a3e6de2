/// How the upstream tells of changes.
public struct ChangeSettings: Sendable, Equatable {
    /// What `GET /api/v1/changes/stream` does.
    public enum Stream: Sendable, Equatable {
        /// Works.
        case up
        /// Answers this status instead.
        case refused(status: Int)
        /// Ends after so many changes, in the middle of a frame when `abruptly`.
        case closes(after: Int, abruptly: Bool = false)
        /// An event stream of nonsense.
        case garbage
        /// 200 with a login page.
        case page
        /// Opens and says nothing at all.
        case mute
    }

    /// ``Stream/up`` by default.
    public var stream = Stream.up
    /// A status that polls are answered with instead; nil is none, and the default.
    public var pollStatus: Int?
    /// Asked of readers as `Authorization: Bearer …`; nil, the default, asks nobody.
    public var token: String?
    /// Milliseconds from one comment to the next; 15 s by default.
    public var heartbeatMs = 15_000
    /// Told to readers as `retry:`; nil is not told, and the default.
    public var retryMs: Int?
    /// Changes that are kept for readers who come back; 10 000 by default.
    public var history = 10_000
    /// Milliseconds that a reader may take for what is written to it, before it is dropped; 30 s by default.
    public var patienceMs = 30_000

    /// A stream that works, open to everybody.
    public init() {}
}

extension ChangeSettings {
    /// Reads the body of `PUT /_changes`, such as `{"stream":"refused","status":404,"heartbeat_ms":200}`. What it does not name has its
    /// default.
    init(_ fields: inout Fields) throws(BadField) {
        switch try fields.text("stream") {
        case nil, "up": stream = .up
        case "refused": stream = .refused(status: try fields.whole("status", in: 200...599) ?? 404)
        case "closes": stream = .closes(after: try fields.whole("after", in: 0...1_000_000) ?? 1)
        case "cut": stream = .closes(after: try fields.whole("after", in: 0...1_000_000) ?? 1, abruptly: true)
        case "garbage": stream = .garbage
        case "page": stream = .page
        case "mute": stream = .mute
        default: throw BadField("stream", "must be one of up, refused, closes, cut, garbage, page, mute")
        }
        pollStatus = try fields.whole("poll_status", in: 200...599)
        token = try fields.text("token")
        heartbeatMs = try fields.whole("heartbeat_ms", in: 1...86_400_000) ?? heartbeatMs
        retryMs = try fields.whole("retry_ms", in: 0...86_400_000)
        history = try fields.whole("history", in: 1...1_000_000) ?? history
        patienceMs = try fields.whole("patience_ms", in: 1...86_400_000) ?? patienceMs
    }
}
