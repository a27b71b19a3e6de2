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
    /// What was said last; nil when they stand there.
    private var told: StoreError?

    /// Notes what stands there now: to be made when the store is open.
    package init(path: String) {
        self.path = path
        noted = ["", "-wal", "-shm"].compactMap { end in File(path + end).map { (end: end, file: $0) } }
    }

    /// Looks; returns what has changed since the look before, also that there is something else to say.
    package mutating func look() -> Change? {
        let error = trouble()
        guard error != told else { return nil }
        told = error
        return error.map { .gone($0) } ?? .back
    }

    private func trouble() -> StoreError? {
        for (end, file) in noted {
            let now = File(path + end)
            if now != file { return .readOnly(words(of: end, isThere: now != nil)) }
        }
        return nil
    }

    private func words(of end: String, isThere: Bool) -> String {
        guard end.isEmpty else {
            return "\(path)\(end) was moved, replaced or deleted while in use; restart, which brings what it held into the store first"
        }
        return isThere
            ? "another file was put in the place of \(path) while in use; restart to use that one, or put the old one back"
            : "\(path) was moved or deleted while in use; put it back: a restart without it begins an empty store"
    }
}
