import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The file of a Unix socket: removed when its server is gone, and never there for others than those it is meant for.
///
/// It is made in a directory of mode 0700, gets its mode there, and only then moves to its place.
enum SocketFile {
    /// The socket can't be listened on.
    struct InUse: Error, CustomStringConvertible {
        var path: String
        var description: String { "listen: another process answers on unix:\(path), or the file is not a socket; choose another path" }
    }

    /// There is no place for it.
    struct NotMade: Error, CustomStringConvertible {
        var path: String
        var reason: String
        var description: String { "listen: unix:\(path) can't be made: \(reason)" }
    }

    /// Removes what a server that was killed has left. Throws ``InUse`` when one still answers, or the file is something else.
    static func clear(_ path: String) async throws {
        var info = stat()
        guard lstat(path, &info) == 0 else { return }
        guard info.st_mode & S_IFMT == S_IFSOCK else { throw InUse(path: path) }
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(unixDomainSocketPath: path).get()
        } catch {
            // Nobody answers.
            unlink(path)
            return
        }
        try await channel.close()
        throw InUse(path: path)
    }

    /// Which file it is, so that one that has taken its place is told from it.
    struct Identity: Equatable {
        private let device: UInt64
        private let number: UInt64
        private let madeAt: Int64

        init?(_ path: String) {
            var info = stat()
            guard lstat(path, &info) == 0 else { return nil }
            device = UInt64(truncatingIfNeeded: info.st_dev)
            number = UInt64(truncatingIfNeeded: info.st_ino)
            #if canImport(Darwin)
                let time = info.st_mtimespec
            #else
                let time = info.st_mtim
            #endif
            madeAt = Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        }
    }

    /// Removes the file of a server that has ended. Whoever has put a socket of theirs in its place keeps it.
    ///
    /// Not told by who answers: a program that is just being started may have what was listened on open for a moment more.
    static func remove(_ path: String, of own: Identity?) {
        if let own, Identity(path) == own { unlink(path) }
    }

    private static func nursery(_ path: String) -> String { path + ".d" }

    /// Where to bind: a place that nobody else can reach.
    static func birthplace(_ path: String) throws -> String {
        let directory = nursery(path)
        var info = stat()
        // Somebody else's directory is no place to be safe in.
        if mkdir(directory, 0o700) != 0 {
            let reason = String(cString: strerror(errno))
            guard lstat(directory, &info) == 0, info.st_mode & S_IFMT == S_IFDIR, info.st_uid == geteuid(), chmod(directory, 0o700) == 0
            else { throw NotMade(path: path, reason: reason) }
        }
        unlink(directory + "/s")
        return directory + "/s"
    }

    /// Moves the bound socket to its place, with its mode, and says which file it is there.
    static func show(_ path: String, mode: UInt32) -> Identity? {
        let directory = nursery(path)
        chmod(directory + "/s", mode_t(mode))
        let isThere = rename(directory + "/s", path) == 0
        rmdir(directory)
        return isThere ? Identity(path) : nil
    }
}
