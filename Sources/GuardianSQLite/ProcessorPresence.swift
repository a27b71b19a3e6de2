internal import GuardianCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// How a processor knows that another one is dead: each holds `flock` on a file named after its owner, and the kernel lets go of it when
/// the process ends, however it ends. So a restarted process takes over at once, and only a frozen one is waited for (`staleAfter`).
final class ProcessorPresence: Sendable {
    private let directory: String
    private let held = Mutex<[String: Int32]>([:])

    private let space: DiskSpace

    init(storePath: String, space: DiskSpace) {
        directory = storePath + "-processors"
        self.space = space
    }

    private func path(_ owner: String) -> String { directory + "/" + owner }

    /// Shows `owner` as alive for as long as this process lives.
    func announce(_ owner: String) throws(StoreError) {
        guard held.withLock({ $0[owner] }) == nil else { return }
        try Disk.makeDirectory(directory)
        var file = open(path(owner), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        while file < 0, errno == ENOSPC, space.release() { file = open(path(owner), O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        if file < 0, errno == ENOSPC { throw .full(free: Disk.freeBytes(at: directory), needed: nil) }
        guard file >= 0 else { throw .readOnly("\(path(owner)): \(Disk.errorText())") }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            close(file)
            throw .unavailable("another processor runs under the name \(owner)")
        }
        held.withLock { $0[owner] = file }
    }

    /// Whether `owner` is certainly dead. False when it is alive or nothing is known.
    func isDead(_ owner: String) -> Bool {
        guard held.withLock({ $0[owner] }) == nil else { return false }
        let file = open(path(owner), O_RDWR | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return flock(file, LOCK_EX | LOCK_NB) == 0
    }

    /// Lets go as the kernel does when a process dies, and leaves the file.
    func die(_ owner: String) {
        if let file = held.withLock({ $0.removeValue(forKey: owner) }) { close(file) }
        // A child that is being started elsewhere holds a copy of the file until it runs its own program.
        for _ in 0..<2000 where !isDead(owner) { usleep(1000) }
    }

    /// Forgets a dead or departed owner.
    func forget(_ owner: String) {
        if let file = held.withLock({ $0.removeValue(forKey: owner) }) { close(file) }
        unlink(path(owner))
    }
}
