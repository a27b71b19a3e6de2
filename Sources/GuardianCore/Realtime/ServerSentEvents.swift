/// Reads a stream of server-sent events as its bytes arrive (WHATWG HTML section 9.2.6).
///
/// Bytes may be cut anywhere. An event that the stream ends in the middle of is never told. Takes time linear in the bytes, and memory for
/// one line and one event at most.
package struct ServerSentEvents: Sendable {
    package struct Event: Sendable, Equatable {
        /// `message` when the stream names none.
        package var type: String
        package var data: String
        /// The last event ID as it stands at this event; empty when there was none.
        package var id: String

        package init(type: String = "message", data: String, id: String = "") {
            self.type = type
            self.data = data
            self.id = id
        }
    }

    package enum Item: Sendable, Equatable {
        case event(Event)
        /// An event without data, which tells nothing but moves the last event ID.
        case lastEventID(String)
        /// How long to wait before connecting again, in milliseconds.
        case retry(Int64)
    }

    /// A line or an event is larger than agreed. Nothing can be read behind it.
    package struct TooLarge: Error, Sendable, Equatable, CustomStringConvertible {
        package enum Part: String, Sendable { case line, event }

        package var part: Part
        package var limit: Int
        package var description: String { "\(part == .line ? "a line" : "an event") of the stream is larger than \(limit) bytes" }
    }

    /// Bytes of a line at most.
    package let lineLimit: Int
    /// Bytes of an event's fields at most, taken together.
    package let eventLimit: Int
    /// What to send as `Last-Event-ID` when connecting again.
    package private(set) var lastEventID: String

    private var line: [UInt8] = []
    private var isFirstLine = true
    /// The last byte was a CR: an LF behind it belongs to the same line end.
    private var endedWithCR = false
    private var data: [UInt8] = []
    private var type = ""
    private var id: String
    private var failure: TooLarge?

    /// Starts where a stream before it ended: with its last event ID.
    package init(lineLimit: Int = 4 << 20, eventLimit: Int = 4 << 20, lastEventID: String = "") {
        self.lineLimit = lineLimit
        self.eventLimit = eventLimit
        self.lastEventID = lastEventID
        id = lastEventID
    }

    /// What these bytes complete. Once it has thrown, it throws the same for all that follows.
    package mutating func read(_ bytes: [UInt8]) throws(TooLarge) -> [Item] {
        var items: [Item] = []
        try bytes.withUnsafeBufferPointer { (all) throws(TooLarge) in try read(UnsafeRawBufferPointer(all), into: &items) }
        return items
    }

    /// Appends what these bytes complete, also when it throws.
    package mutating func read(_ bytes: UnsafeRawBufferPointer, into items: inout [Item]) throws(TooLarge) {
        if let failure { throw failure }
        do throws(TooLarge) {
            try scan(bytes, into: &items)
        } catch {
            failure = error
            (line, data) = ([], [])
            throw error
        }
    }

    private mutating func scan(_ bytes: UnsafeRawBufferPointer, into items: inout [Item]) throws(TooLarge) {
        var start = 0
        for index in bytes.indices {
            let byte = bytes[index]
            let skips = endedWithCR && byte == 0x0A
            endedWithCR = false
            if skips {
                start = index + 1
            } else if byte == 0x0A || byte == 0x0D {
                try append(bytes[start..<index])
                start = index + 1
                endedWithCR = byte == 0x0D
                try endLine(&items)
            }
        }
        try append(bytes[start...])
    }

    private mutating func append(_ part: Slice<UnsafeRawBufferPointer>) throws(TooLarge) {
        guard line.count + part.count <= lineLimit else { throw TooLarge(part: .line, limit: lineLimit) }
        line.append(contentsOf: part)
    }

    private mutating func endLine(_ items: inout [Item]) throws(TooLarge) {
        var content = line[...]
        if isFirstLine, content.starts(with: [0xEF, 0xBB, 0xBF]) { content = content.dropFirst(3) }
        isFirstLine = false
        if content.isEmpty { dispatch(&items) } else { try field(content, &items) }
        line.removeAll(keepingCapacity: line.capacity <= 1 << 16)
    }

    private mutating func field(_ content: ArraySlice<UInt8>, _ items: inout [Item]) throws(TooLarge) {
        let name = content.prefix { $0 != UInt8(ascii: ":") }
        var value = content.dropFirst(name.count + 1)
        if value.first == 0x20 { value = value.dropFirst() }
        if name.elementsEqual("data".utf8) {
            data.append(contentsOf: value)
            data.append(0x0A)
        } else if name.elementsEqual("event".utf8) {
            type = String(decoding: value, as: UTF8.self)
        } else if name.elementsEqual("id".utf8) {
            if !value.contains(0) { id = String(decoding: value, as: UTF8.self) }
        } else if name.elementsEqual("retry".utf8) {
            if let milliseconds = Self.digits(value) { items.append(.retry(milliseconds)) }
        }
        guard data.count + type.utf8.count + id.utf8.count <= eventLimit else { throw TooLarge(part: .event, limit: eventLimit) }
    }

    private mutating func dispatch(_ items: inout [Item]) {
        let isMove = id != lastEventID
        lastEventID = id
        if data.isEmpty {
            if isMove { items.append(.lastEventID(id)) }
        } else {
            let text = String(decoding: data.dropLast(), as: UTF8.self)
            items.append(.event(Event(type: type.isEmpty ? "message" : type, data: text, id: id)))
        }
        type = ""
        data.removeAll(keepingCapacity: data.capacity <= 1 << 16)
    }

    /// A number of ASCII digits only; one that is too large stands for the largest.
    private static func digits(_ value: ArraySlice<UInt8>) -> Int64? {
        guard !value.isEmpty, value.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int64(String(decoding: value, as: UTF8.self)) ?? .max
    }
}
