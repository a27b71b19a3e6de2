import GuardianCore
import Synchronization

/// Numbers what a stream of server-sent events sends, so that a reader who does not keep up learns what was left out.
final class EventSender: Sendable {
    struct Frame: Sendable {
        /// nil for a comment.
        var number: Int?
        var text: String
    }

    private let frames: AsyncStream<Frame>.Continuation
    private let last = Mutex(0)

    init(_ frames: AsyncStream<Frame>.Continuation) { self.frames = frames }

    func send(_ name: String, _ data: String) {
        let number = skip(1)
        frames.yield(Frame(number: number, text: "event: \(name)\nid: \(number)\ndata: \(data)\n\n"))
    }

    /// Numbers that nothing is sent under, for what was lost on the way here. Returns the last of them.
    @discardableResult
    func skip(_ count: Int) -> Int {
        last.withLock { last in
            last += count
            return last
        }
    }

    /// What a reader is told in the place of `count` events.
    static func missed(_ count: Int) -> String {
        let facts: JSONValue = ["at": .string(SystemClock().now.wall.rfc3339), "event": "missed", "count": JSONValue(count)]
        return "event: missed\ndata: \(facts.text)\n\n"
    }
}
