internal import GuardianCore
internal import Synchronization

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// How a processor knows that another one is dead: each holds `flock` on a file named after its owner, and the kernel lets go of it when
/// the process ends, however it ends. So a restarted process takes over at once, and only a frozen one is waited for (`staleAfter`).
///
/// A processor may end while its process lives on. It lets go of its file then, and the file stays as long as the lock is in its name. The
/// file is empty while its owner is there, and has one byte when it has left: so everybody tells one who has left from one who has crashed.
///
/// Whoever takes the lock removes the file of whom it was taken from, and files that nobody holds. One who was only frozen makes its own
/// anew when it asks again.
final class ProcessorPresence: Sendable {
    private struct State {
        /// Files of owners in this process, open and locked.
        var held: [String: Int32] = [:]
    }

    private let directory: String
    private let state = Mutex(State())

    private let space: DiskSpace

    init(storePath: String, space: DiskSpace) {
        directory = storePath + "-processors"
        self.space = space
    }

    private func path(_ owner: String) -> String { directory + "/" + owner }

    /// How often a file is tried for that somebody else holds, or has removed, at that moment.
    private static let tries = 20
    /// Files that one sweep removes at most.
    private static let mostSwept = 1000

    /// Shows `owner` as alive for as long as this process lives. A file that others have removed, as after a takeover, is made anew.
    func announce(_ owner: String) throws(StoreError) {
        if isAnnounced(owner) {
            guard !isShown(owner) else { return }
            letGo(owner)
        }
        try Disk.makeDirectory(directory)
        for _ in 0..<Self.tries {
            let file = try make(owner)
            let isLocked = flock(file, LOCK_EX | LOCK_NB) == 0
            // It may have been swept before it was locked. Who comes back has not left.
            if isLocked, Self.isFile(file, at: path(owner)), ftruncate(file, 0) == 0 {
                state.withLock { $0.held[owner] = file }
                return
            }
            close(file)
            // Whoever looks whether somebody is dead holds the file for that moment.
            if !isLocked { usleep(1000) }
        }
        throw .unavailable("another processor runs under the name \(owner)")
    }

    private func make(_ owner: String) throws(StoreError) -> Int32 {
        var file = open(path(owner), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        while file < 0, errno == ENOSPC, space.release() { file = open(path(owner), O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        if file < 0, errno == ENOSPC { throw .full(free: Disk.freeBytes(at: directory), needed: nil) }
        guard file >= 0 else { throw .readOnly("\(path(owner)): \(Disk.errorText())") }
        return file
    }

    /// Whether others still find the file that `owner` holds.
    private func isShown(_ owner: String) -> Bool {
        guard let file = state.withLock({ $0.held[owner] }) else { return false }
        return Self.isFile(file, at: path(owner))
    }

    /// Whether an open file is the one that stands at `path`.
    private static func isFile(_ file: Int32, at path: String) -> Bool {
        var (held, found) = (stat(), stat())
        guard fstat(file, &held) == 0, stat(path, &found) == 0 else { return false }
        return held.st_dev == found.st_dev && held.st_ino == found.st_ino
    }

    /// Whether `owner` shows itself as alive in this process.
    func isAnnounced(_ owner: String) -> Bool { state.withLock { $0.held[owner] != nil } }

    /// Whether `owner` is certainly dead. False when it is alive or nothing is known.
    func isDead(_ owner: String) -> Bool {
        guard !isAnnounced(owner) else { return false }
        let file = open(path(owner), O_RDWR | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { Self.release(file) }
        return flock(file, LOCK_EX | LOCK_NB) == 0
    }

    /// `owner` has ended, maybe with the lock in its name. The file stays: by it everybody knows that nobody is behind that name, and that
    /// it has not crashed.
    func leave(_ owner: String) {
        // A length takes no room on the volume, as a written byte would; where it can't be set, it looks like a crash.
        if let file = state.withLock({ $0.held[owner] }) { _ = ftruncate(file, 1) }
        letGo(owner)
    }

    /// Whether `owner` has ended without a crash, in whatever process. Of one that nobody is behind.
    func hasLeft(_ owner: String) -> Bool { Disk.size(of: path(owner)).map { $0 > 0 } ?? false }

    private func letGo(_ owner: String) {
        let file = state.withLock { $0.held.removeValue(forKey: owner) }
        if let file { Self.release(file) }
    }

    /// Gives the lock back, and not only this descriptor: a child that is being started holds a copy of it until it runs its own program.
    private static func release(_ file: Int32) {
        flock(file, LOCK_UN)
        close(file)
    }

    /// Lets go as the kernel does when a process dies, and leaves the file.
    func die(_ owner: String) {
        letGo(owner)
        // A child that is being started elsewhere holds a copy of the file until it runs its own program.
        for _ in 0..<2000 {
            guard access(path(owner), F_OK) == 0, !isDead(owner) else { return }
            usleep(1000)
        }
    }

    /// Who shows themselves as alive in other processes, whether they hold the lock or stand by.
    func others() -> [String] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: directory) } catch { return [] }
        return names.filter { !isAnnounced($0) && !isDead($0) }.sorted()
    }

    /// Removes the files that nobody is behind any more. For whoever has just taken the lock: it is in the name of none of them.
    func sweep() {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: directory) } catch { return }
        var swept = 0
        for owner in names where swept < Self.mostSwept && !isAnnounced(owner) {
            let file = open(path(owner), O_RDWR | O_CLOEXEC)
            guard file >= 0 else { continue }
            defer { close(file) }
            // Held while it is removed, so that nobody takes it for their own.
            guard flock(file, LOCK_EX | LOCK_NB) == 0 else { continue }
            unlink(path(owner))
            swept += 1
        }
    }

    /// The store is closed: whoever stood by has gone. `holder` stays alive until it leaves or the process ends, as its requests may be on
    /// their way still.
    func end(keeping holder: String?) {
        let owners = state.withLock { $0.held.keys.filter { $0 != holder } }
        for owner in owners { forget(owner) }
    }

    /// Forgets a dead or departed owner.
    func forget(_ owner: String) {
        letGo(owner)
        unlink(path(owner))
    }
}
