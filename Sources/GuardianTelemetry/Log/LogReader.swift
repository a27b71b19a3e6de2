#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// A log file that is open for reading, whatever becomes of its name.
///
/// `@unchecked Sendable`: nothing of it changes, and `pread` may be called from any thread.
final class LogReader: @unchecked Sendable {
    private let descriptor: Int32
    let inode: UInt64

    /// nil when there is no such file.
    init?(path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        var found = stat()
        guard descriptor >= 0, fstat(descriptor, &found) == 0 else {
            if descriptor >= 0 { close(descriptor) }
            return nil
        }
        inode = UInt64(found.st_ino)
    }

    deinit { close(descriptor) }

    /// Bytes that are there now.
    var size: Int {
        var found = stat()
        return fstat(descriptor, &found) == 0 ? Int(found.st_size) : 0
    }

    /// Whether the file at `path` is this one.
    func isStill(at path: String) -> Bool {
        var found = stat()
        return stat(path, &found) == 0 && UInt64(found.st_ino) == inode
    }

    /// At most `count` bytes from `offset`; fewer at the end.
    func read(_ count: Int, at offset: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, pread(descriptor, buffer.baseAddress, count, off_t(offset)))
        }
    }
}

/// The whole lines of a file before a place in it, the last one first.
struct BackwardLines {
    private static let piece = 64 << 10

    private let file: LogReader
    /// Bytes that are read and not yet given out; they begin at `start`.
    private var held: [UInt8] = []
    private var start: Int

    /// What follows the last line's end before `end` is a line yet to be written, and left out.
    init(_ file: LogReader, end: Int) {
        self.file = file
        start = end
        repeat {
            held = []
            readMore()
        } while start > 0 && !held.contains(UInt8(ascii: "\n"))
        if let last = held.lastIndex(of: UInt8(ascii: "\n")) { held.removeSubrange((last + 1)...) } else { held = [] }
    }

    /// A line without its end, and where it begins.
    mutating func next() -> (bytes: ArraySlice<UInt8>, offset: Int)? {
        guard !held.isEmpty else {
            guard start > 0 else { return nil }
            readMore()
            return next()
        }
        while true {
            // The last byte is the end of the line.
            if let before = held[..<(held.count - 1)].lastIndex(of: UInt8(ascii: "\n")) {
                let line = held[(before + 1)..<(held.count - 1)]
                held.removeSubrange((before + 1)...)
                return (line, start + before + 1)
            }
            guard start > 0 else {
                defer { held = [] }
                return (held[..<(held.count - 1)], 0)
            }
            readMore()
        }
    }

    private mutating func readMore() {
        let from = max(0, start - Self.piece)
        held = file.read(start - from, at: from) + held
        start = from
    }
}
