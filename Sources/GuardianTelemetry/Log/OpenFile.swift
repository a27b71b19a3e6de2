#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation
import Synchronization

/// A log file that is open for appending; closed when nobody has it any more. Copies of a ``LogFile`` share it.
package final class OpenFile: Sendable {
    private let descriptor: Int32
    private let inode: UInt64
    private let length = Atomic<Int>(0)

    var size: Int { length.load(ordering: .relaxed) }

    /// Opens it, or makes it with mode 0600, in a directory of mode 0700.
    package init(path: String) throws(LogFileError) {
        let directory = (path as NSString).deletingLastPathComponent
        if !directory.isEmpty {
            do {
                try FileManager.default.createDirectory(
                    atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch { throw .system("\(directory) can't be made") }
        }
        let opened = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard opened >= 0 else { throw .system("\(path) can't be opened: \(Self.reason(errno))") }
        // What is no file can't be rotated: a device, a pipe.
        var found = stat()
        guard fstat(opened, &found) == 0, found.st_mode & S_IFMT == S_IFREG else {
            close(opened)
            throw .system("\(path) is no regular file")
        }
        descriptor = opened
        inode = UInt64(found.st_ino)
        refresh()
        // What a crash has left of a line is ended, so that the next one stands alone.
        var last: UInt8 = 0
        if size > 0, pread(descriptor, &last, 1, off_t(size - 1)) == 1, last != UInt8(ascii: "\n") { try append([UInt8(ascii: "\n")]) }
    }

    deinit { close(descriptor) }

    /// Looks how long it is now.
    package func refresh() {
        var found = stat()
        if fstat(descriptor, &found) == 0 { length.store(Int(found.st_size), ordering: .relaxed) }
    }

    /// Whether the file at `path` is this one.
    package func isStill(at path: String) -> Bool {
        var found = stat()
        return stat(path, &found) == 0 && UInt64(found.st_ino) == inode
    }

    /// Waits for the right to rotate it.
    package func lock() -> Bool { flock(descriptor, LOCK_EX) == 0 }

    /// Writes all of it, or nothing.
    package func append(_ bytes: [UInt8]) throws(LogFileError) {
        let before = size
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                let reason = Self.reason(errno)
                if done > 0 { ftruncate(descriptor, off_t(before)) }
                throw .system(reason)
            }
        }
        length.add(bytes.count, ordering: .relaxed)
    }

    package static func freeBytes(at directory: String) -> Int64? {
        var found = statvfs()
        var directory = directory
        // The directory of the log may be yet to be made.
        while statvfs(directory, &found) != 0 {
            let parent = (directory as NSString).deletingLastPathComponent
            guard errno == ENOENT, parent != directory else { return nil }
            directory = parent.isEmpty ? "." : parent
        }
        return Int64(clamping: UInt64(found.f_bavail).multipliedReportingOverflow(by: UInt64(found.f_frsize)).partialValue)
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
