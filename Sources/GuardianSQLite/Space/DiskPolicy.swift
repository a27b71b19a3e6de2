/// How much room is kept on the volume, and for what.
///
/// Above the first watermark everything is taken. Between the two only urgent work is; below the second nothing is, and the reserve is what
/// settling and delivery live on until somebody makes room. All of it is smaller on a small volume.
public struct DiskPolicy: Sendable, Equatable {
    /// Free bytes below which work of ``lowPriority`` and less is refused: 64 MiB, or a sixteenth of a smaller volume.
    public var firstWatermark: Int64?
    /// Free bytes below which all work is refused: 16 MiB, or a sixty-fourth of a smaller volume.
    public var secondWatermark: Int64?
    /// Bytes that are set aside in a file: 32 MiB, or a sixteenth of a smaller volume. 0 keeps none.
    public var reserve: Int64?
    /// What counts as low: 0, so that everything but urgent work is refused at the first watermark.
    public var lowPriority = 0

    /// nil takes the default, which goes by the size of the volume.
    public init(firstWatermark: Int64? = nil, secondWatermark: Int64? = nil, reserve: Int64? = nil, lowPriority: Int = 0) {
        self.firstWatermark = firstWatermark
        self.secondWatermark = secondWatermark
        self.reserve = reserve
        self.lowPriority = lowPriority
    }

    /// The bytes for a volume of `size`; nil when its size is not known.
    func limits(volume size: Int64?) -> Limits {
        let size = size ?? Int64.max
        let second = secondWatermark ?? min(16 << 20, size / 64)
        return Limits(
            first: max(firstWatermark ?? min(64 << 20, size / 16), second), second: second, reserve: reserve ?? min(32 << 20, size / 16))
    }

    struct Limits: Equatable {
        var first: Int64
        var second: Int64
        var reserve: Int64

        /// Bytes of the log after which it is copied back: what is not copied yet must fit into the reserve, beside what is written on it.
        /// 16 MB where there is room: docs/decisions/0006.
        var checkpointBytes: Int64 { min(16_384_000, max(256 << 10, reserve / 2)) }
    }
}
