import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The file of a Unix socket: removed when its server is gone, readable by nobody else.
enum SocketFile {
    /// The socket can't be listened on.
    struct InUse: Error, CustomStringConvertible {
        var path: String
        var description: String { "listen: another process answers on unix:\(path), or the file is not a socket; choose another path" }
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

    /// Leaves the socket to its owner.
    static func close(_ path: String) { chmod(path, 0o600) }
}
