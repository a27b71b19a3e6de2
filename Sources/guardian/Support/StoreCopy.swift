import Foundation
import GuardianRuntime
import GuardianSQLite
import Synchronization

/// A copy of a store that lies where nothing can be written, for a command that looks: SQLite reads no store there whose log has no index,
/// for it can't make one, and what it takes for immutable it reads without the log. The copy has the log, so that nothing is missing of
/// what was acknowledged. It goes when the command ends.
struct StoreCopy: Sendable {
    /// Bytes of the volume that are left to others.
    private static let leastFree: Int64 = 64 << 20
    /// What is still there when the process ends.
    private static let left = Mutex<[String]>([])

    let directory: String
    private let store: String

    /// Of the store at this path; nothing is copied yet.
    init(of store: String) {
        // Its log stands beside the file that a link leads to.
        self.store = URL(fileURLWithPath: store).resolvingSymlinksInPath().path
        directory = TemporaryDirectory.newPath("look")
    }

    /// All that there may be of it; what holds the rest comes last.
    var parts: [String] {
        ["", "-journal", "-wal", "-shm", "-reserve", "-suspect", "-processors"].map { directory + "/guardian.sqlite" + $0 } + [directory]
    }

    /// Makes the directory. Once that is gone again, nothing can be written into it.
    func prepare() throws(Failure) {
        let size = StoreFiles(path: store).bytes
        let free = SQLiteStore.freeBytes(at: TemporaryDirectory.path) ?? .max
        guard free - size.database - size.log >= Self.leastFree else {
            throw refusal("its volume has \(free) bytes free, and the store has \(size.database + size.log)")
        }
        Self.left.withLock { $0 = parts }
        atexit { StoreCopy.removeAll() }
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        } catch {
            Self.removeAll()
            throw refusal(ErrorWords.of(error))
        }
    }

    /// Copies the store into its directory. Nobody may write to the store meanwhile.
    func fill() throws(Failure) {
        let files = FileManager.default
        do {
            for end in ["", "-wal"] where files.fileExists(atPath: store + end) {
                let copy = directory + "/guardian.sqlite" + end
                try files.copyItem(atPath: store + end, toPath: copy)
                try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: copy)
            }
        } catch {
            Self.removeAll()
            throw refusal(ErrorWords.of(error))
        }
    }

    func remove() { Self.removeAll() }

    private static func removeAll() {
        left.withLock { parts in
            for part in parts { Launch.discard(part) }
            parts = []
        }
    }

    private func refusal(_ reason: String) -> Failure {
        Failure(
            .storeUnavailable,
            "\(store) can't be written where it lies, and a copy to look at can't be made in \(TemporaryDirectory.path) (\(reason)); name "
                + "another place in TMPDIR")
    }
}
