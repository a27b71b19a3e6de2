/// The room where a store lives, and how much of it new work wants to find.
public struct DiskRoom: Sendable, Equatable {
    /// What new work meets there.
    public enum Level: String, Sendable {
        /// All of it is taken.
        case room
        /// Below the first watermark: only work above ``lowPriority`` is taken.
        case low
        /// Below the second: no work is taken.
        case full
    }

    /// Bytes that are free on the volume.
    public var freeBytes: Int64
    /// Bytes of the reserve: not for new work, but for settling and delivery.
    public var reservedBytes: Int64
    /// Free bytes below which work of ``lowPriority`` and less is refused; 64 MiB by default.
    public var firstWatermark: Int64
    /// Free bytes below which all work is refused; 16 MiB by default.
    public var secondWatermark: Int64
    /// What counts as low: 0, so that everything but urgent work is refused at the first watermark.
    public var lowPriority: Int

    /// Of a store without a reserve and with the standard watermarks, unless they are given.
    public init(
        freeBytes: Int64, reservedBytes: Int64 = 0, firstWatermark: Int64 = 64 << 20, secondWatermark: Int64 = 16 << 20,
        lowPriority: Int = 0
    ) {
        self.freeBytes = freeBytes
        self.reservedBytes = reservedBytes
        self.firstWatermark = firstWatermark
        self.secondWatermark = secondWatermark
        self.lowPriority = lowPriority
    }

    /// Bytes that the store itself can still use.
    public var usableBytes: Int64 { freeBytes + reservedBytes }

    /// By what is free alone: the reserve does not count, for new work has none of it.
    public var level: Level { freeBytes < secondWatermark ? .full : freeBytes < firstWatermark ? .low : .room }

    /// Whether an enqueue that says nothing of its priority is taken.
    public var takesWork: Bool { level == .room || level == .low && lowPriority < 0 }

    /// What there is, and what that means for new work.
    public var detail: String {
        switch level {
        case .room: "\(freeBytes) bytes are free"
        case .low:
            "work of priority \(lowPriority) and less is refused: \(freeBytes) bytes are free where the store lives, \(firstWatermark) "
                + "are needed; make room"
        case .full: "all work is refused: \(freeBytes) bytes are free where the store lives, \(secondWatermark) are needed; make room"
        }
    }

    /// `{"state", "free_bytes", "reserved_bytes"}`, where `state` is the word of ``level``.
    public var json: JSONValue {
        ["state": .string(level.rawValue), "free_bytes": JSONValue(freeBytes), "reserved_bytes": JSONValue(reservedBytes)]
    }
}
