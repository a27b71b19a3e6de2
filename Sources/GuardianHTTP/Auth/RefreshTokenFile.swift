import Foundation
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#elseif canImport(Glibc)
    import Glibc
#endif

/// A refresh token in a file of mode 0600, replaced whole: a crash leaves the old one or the new one.
///
/// Whoever signs in writes the first one there. A lock on `<path>.lock` keeps processes that share it apart: servers take a refresh token
/// that comes twice for a stolen one.
public final class RefreshTokenFile: RefreshTokenStore {
    package let path: String
    /// The file behind links, so that a link stays one.
    private let target: String
    private let lock = Mutex<Int32>(-1)

    /// Opens nothing yet. A link is followed once, here; the directory of what it leads to must be writable.
    public init(path: String) {
        self.path = path
        target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    }

    public func load() throws(TokenError) -> Secret {
        guard FileManager.default.fileExists(atPath: target) else {
            throw TokenError(.needsLogin, "\(path) is not there: nobody has signed in")
        }
        do throws(TokenError) { return Secret(try SecretFile.word(target)) } catch {
            throw TokenError(error.code == .unreadable ? .needsLogin : error.code, error.message)
        }
    }

    public func prepare() throws(TokenError) {
        let trial = try temporaryFile()
        close(trial.file)
        unlink(trial.path)
    }

    public func save(_ secret: Secret) throws(TokenError) {
        let temporary = try temporaryFile()
        let bytes = Array((secret.text + "\n").utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { write(temporary.file, $0.baseAddress?.advanced(by: written), bytes.count - written) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            written += count
        }
        let isWritten = written == bytes.count && fsync(temporary.file) == 0
        let failure = errno
        close(temporary.file)
        guard isWritten, rename(temporary.path, target) == 0 else {
            let reason = isWritten ? errno : failure
            unlink(temporary.path)
            throw unwritable(reason)
        }
        // The name is as durable as the content only once the directory is.
        let directory = open(folder, O_RDONLY)
        if directory >= 0 {
            fsync(directory)
            close(directory)
        }
    }

    public func tryLock() throws(TokenError) -> Bool {
        let file = open(target + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw unwritable(errno) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            close(file)
            return false
        }
        lock.withLock { $0 = file }
        return true
    }

    public func unlock() {
        lock.withLock { file in
            if file >= 0 { close(file) }
            file = -1
        }
    }

    private var folder: String { URL(fileURLWithPath: target).deletingLastPathComponent().path }

    private func temporaryFile() throws(TokenError) -> (file: Int32, path: String) {
        let name = target + ".\(UUID().uuidString).tmp"
        let file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw unwritable(errno) }
        return (file, name)
    }

    private func unwritable(_ reason: Int32) -> TokenError {
        TokenError(
            .unwritable,
            "the refresh token can't be kept beside \(path): \(String(cString: strerror(reason))); make its directory writable")
    }
}
