/// A place in the log that stays the same when files are rotated: the file's number in its volume, and bytes from its beginning.
struct LogPosition: Sendable, Equatable {
    var inode: UInt64
    var offset: Int

    init(inode: UInt64, offset: Int) {
        self.inode = inode
        self.offset = offset
    }

    /// Reads what ``text`` writes.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let inode = UInt64(parts[0], radix: 36), let offset = Int(parts[1], radix: 36), offset >= 0 else {
            return nil
        }
        self.init(inode: inode, offset: offset)
    }

    /// Opaque to callers.
    var text: String { "\(String(inode, radix: 36))-\(String(offset, radix: 36))" }
}
