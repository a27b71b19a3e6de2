#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// Why a log file was not written. What was to be written left no trace.
package enum LogFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The volume has less room than is left to the store.
    case noRoom(free: Int64, least: Int64)
    /// What the system said.
    case system(String)

    package var description: String {
        switch self {
        case .noRoom(let free, let least): "\(free) bytes are free, and logs leave \(least) to the store"
        case .system(let what): what
        }
    }
}

/// A file of JSON lines that never outgrows its bounds: `path`, `path.1` (older), … and no more.
///
/// It is opened anew when somebody else has moved it away, and may be written by several processes: each line is one write at the end of
/// the file, and only one of them rotates. Mode 0600. It stands back when the volume is almost full: the room that is left is the store's.
public struct LogFile: Sendable {
    /// Where the file is, and how much room it and the ones before it may take.
    public struct Configuration: Sendable {
        /// Of the newest one; those before it have `.1`, `.2` … behind it.
        public var path: String
        /// Bytes of one file at most; 10 MiB by default.
        public var maxBytes: Int
        /// Files kept at most, the one being written included; 5 by default.
        public var maxFiles: Int
        /// Bytes of the volume that are never used for logs; 64 MiB by default.
        public var leastFreeBytes: Int64

        /// `maxBytes` is 1 KiB at least, and `maxFiles` 1.
        public init(path: String, maxBytes: Int = 10 << 20, maxFiles: Int = 5, leastFreeBytes: Int64 = 64 << 20) {
            self.path = path
            self.maxBytes = max(maxBytes, 1 << 10)
            self.maxFiles = max(maxFiles, 1)
            self.leastFreeBytes = leastFreeBytes
        }

        /// The files, the newest first, whether they are there or not.
        package var paths: [String] { [path] + (1..<max(maxFiles, 2)).map { "\(path).\($0)" } }
    }

    package let configuration: Configuration
    private let freeBytes: @Sendable () -> Int64?
    private var file: OpenFile?

    /// `freeBytes` says how much room the volume has; asked before each write.
    public init(_ configuration: Configuration, freeBytes: (@Sendable () -> Int64?)? = nil) {
        self.configuration = configuration
        let directory = (configuration.path as NSString).deletingLastPathComponent
        self.freeBytes = freeBytes ?? { Self.freeBytes(at: directory) }
    }

    /// Writes lines, each with its end, rotating where they would not fit. Throws when nothing, or not everything, could be written.
    package mutating func append(_ lines: [[UInt8]]) throws(LogFileError) {
        var batch: [UInt8] = []
        try ready()
        for line in lines {
            if !batch.isEmpty, size + batch.count + line.count > configuration.maxBytes {
                try write(batch)
                batch.removeAll(keepingCapacity: true)
            }
            if batch.isEmpty, size > 0, size + line.count > configuration.maxBytes { try rotate() }
            batch += line
        }
        if !batch.isEmpty { try write(batch) }
    }

    /// Bytes that are free on the volume of a directory, which may be yet to be made; nil when that can't be told.
    package static func freeBytes(at directory: String) -> Int64? { OpenFile.freeBytes(at: directory.isEmpty ? "." : directory) }

    private var size: Int { file?.size ?? 0 }

    /// Sees that there is room, and that the file open is the one at the path.
    private mutating func ready() throws(LogFileError) {
        if let free = freeBytes(), free < configuration.leastFreeBytes {
            throw .noRoom(free: free, least: configuration.leastFreeBytes)
        }
        if let open = file, !open.isStill(at: configuration.path) { file = nil }
        if file == nil { file = try OpenFile(path: configuration.path) }
        file?.refresh()
    }

    private mutating func write(_ bytes: [UInt8]) throws(LogFileError) {
        do throws(LogFileError) { try file?.append(bytes) } catch {
            file = nil
            throw error
        }
    }

    /// Moves each file one place down. The one that loses a race with another process finds the work done.
    private mutating func rotate() throws(LogFileError) {
        guard let open = file, open.lock() else { return }
        if open.isStill(at: configuration.path) {
            let paths = configuration.paths
            if configuration.maxFiles == 1 { unlink(configuration.path) }
            for (newer, older) in zip(paths, paths.dropFirst()).reversed() { rename(newer, older) }
        }
        // Closing it ends the lock.
        file = nil
        file = try OpenFile(path: configuration.path)
    }
}
