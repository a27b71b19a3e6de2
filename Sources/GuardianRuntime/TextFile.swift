import Foundation
import Synchronization

/// The text of a file that somebody has named: a regular one, or a pipe such as `<(…)` and `/dev/stdin`.
package enum TextFile {
    package struct Unreadable: Error, Sendable {
        /// In the system's words, such as `No such file or directory`.
        package var reason: String

        init(_ reason: String) { self.reason = reason }
        init(code: Int32) { reason = String(cString: strerror(code)) }
    }

    /// Bytes that a file may have.
    private static let most = 16 << 20

    /// What came out of pipes: they can be read once, settings are asked for again and again.
    private static let drained = Mutex<[String: String]>([:])

    package static func text(of path: String) throws(Unreadable) -> String {
        if let known = drained.withLock({ $0[path] }) { return known }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Unreadable(code: errno) }
        defer { close(file) }
        var info = stat()
        guard fstat(file, &info) == 0 else { throw Unreadable(code: errno) }
        guard let text = String(validating: try bytes(of: file), as: UTF8.self) else { throw Unreadable("it is not UTF-8") }
        if info.st_mode & S_IFMT != S_IFREG { drained.withLock { $0[path] = text } }
        return text
    }

    private static func bytes(of file: Int32) throws(Unreadable) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = piece.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Unreadable(code: errno) }
            // Some editors begin a file with a byte order mark.
            if count == 0 { return bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes }
            bytes += piece[..<count]
            guard bytes.count <= most else { throw Unreadable("it is larger than \(most >> 20) MiB") }
        }
    }
}
