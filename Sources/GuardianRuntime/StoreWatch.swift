import Foundation
package import GuardianCore

/// Whether the files of an open store still stand where they were: the database, its log and the log's index.
///
/// The store itself refuses each write as soon as they do not. This says it to people at once, with what to do: nothing else would before
/// the next heartbeat, and a file that was put there under a running process is not used before it is started again.
package struct StoreWatch: Sendable {
    package enum Change: Sendable, Equatable {
        /// What has happened, and what to do.
        case gone(StoreError)
        /// All of them stand there again.
        case back
    }

    private struct File: Sendable, Equatable {
        var device: UInt64
        var number: UInt64

        /// nil when nothing stands there.
        init?(_ path: String) {
            var info = stat()
            guard stat(path, &info) == 0 else { return nil }
            device = UInt64(truncatingIfNeeded: info.st_dev)
            number = UInt64(truncatingIfNeeded: info.st_ino)
        }
    }

    private let path: String
    /// As they were, by what follows the path.
    private let noted: [(end: String, file: File)]
    private var isGone = false

    /// Notes what stands there now: to be made when the store is open.
    package init(path: String) {
        self.path = path
        noted = ["", "-wal", "-shm"].compactMap { end in File(path + end).map { (end: end, file: $0) } }
    }

    /// Looks; returns what has changed since the look before.
    package mutating func look() -> Change? {
        let missing = noted.first { File(path + $0.end) != $0.file }
        guard isGone != (missing != nil) else { return nil }
        isGone = missing != nil
        return missing.map { .gone(.readOnly(words(of: $0.end))) } ?? .back
    }

    private func words(of end: String) -> String {
        guard end.isEmpty else {
            return "\(path)\(end) was moved, replaced or deleted while in use; restart, which brings what it held into the store first"
        }
        return File(path) == nil
            ? "\(path) was moved or deleted while in use; put it back: a restart without it begins an empty store"
            : "another file was put in the place of \(path) while in use; restart to use that one, or put the old one back"
    }
}
