internal import GRDB
internal import GuardianCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

extension StoreError {
    /// What an error of SQLite's means to a caller.
    init(_ error: any Error, path: String) {
        if let known = error as? StoreError {
            self = known
            return
        }
        guard let error = error as? DatabaseError else {
            self = .unavailable(String(describing: error))
            return
        }
        let text = error.message ?? error.resultCode.description
        // A file that can't be made is not there to be asked.
        let free = Disk.freeBytes(at: path) ?? Disk.freeBytes(at: Disk.directory(of: path))
        switch error.resultCode {
        case .SQLITE_FULL: self = .full(free: free, needed: nil)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .corrupt(text)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH: self = .readOnly(text)
        case .SQLITE_CANTOPEN:
            let mayOpen = access(path, R_OK | W_OK) == 0 || errno == ENOENT
            if mayOpen, let lack = Disk.lackOfDescriptors {
                self = .unavailable("\(text): \(lack); raise ulimit -n")
            } else {
                self = .readOnly("\(text): \(path)")
            }
        // A place of the disk that can't be read. Inside a statement SQLite calls it SQLITE_CORRUPT by itself.
        case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_CORRUPTFS: self = .corrupt("a part of the file can't be read")
        case .SQLITE_IOERR where free.map({ $0 < 1 << 20 }) ?? false: self = .full(free: free, needed: nil)
        default: self = .unavailable(text)
        }
    }
}

/// Asks the file system.
enum Disk {
    /// Bytes that this user can still write on the volume of `path`; nil when it can't be asked.
    static func freeBytes(at path: String) -> Int64? {
        var info = statvfs()
        guard statvfs(path, &info) == 0 else { return nil }
        return Int64(clamping: UInt64(info.f_bavail) * UInt64(info.f_frsize))
    }

    /// Bytes that the volume of `path` has in all; nil when it can't be asked.
    static func volumeBytes(at path: String) -> Int64? {
        var info = statvfs()
        guard statvfs(path, &info) == 0 else { return nil }
        return Int64(clamping: UInt64(info.f_blocks) * UInt64(info.f_frsize))
    }

    /// The directory that a file is in.
    static func directory(of path: String) -> String {
        let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return directory.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : directory
    }

    /// Permission bits of a file or directory; nil when it can't be asked.
    static func mode(of path: String) -> UInt32? {
        var info = stat()
        return stat(path, &info) == 0 ? UInt32(info.st_mode & 0o777) : nil
    }

    /// Bytes of a file; nil when it is not there.
    static func size(of path: String) -> Int64? {
        var info = stat()
        return stat(path, &info) == 0 ? Int64(info.st_size) : nil
    }

    /// Whether two paths lead to one file.
    static func isSame(_ one: String, _ other: String) -> Bool {
        var first = stat()
        var second = stat()
        guard stat(one, &first) == 0, stat(other, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// Whether two paths lead to files of one volume. Where one can't be asked, they count as if they did.
    static func isSameVolume(_ one: String, _ other: String) -> Bool {
        var first = stat()
        var second = stat()
        guard stat(one, &first) == 0, stat(other, &second) == 0 else { return true }
        return first.st_dev == second.st_dev
    }

    /// Where SQLite makes its temporary files, as it looks for it (https://sqlite.org/tempfiles.html#temporary_file_storage_locations).
    static var temporaryDirectory: String {
        let named: [String] = ["SQLITE_TMPDIR", "TMPDIR"].compactMap { (name: String) in getenv(name).map { String(cString: $0) } }
        let places: [String] = named + ["/var/tmp", "/usr/tmp", "/tmp"]
        return places.first { (place: String) in isDirectory(place) && access(place, W_OK | X_OK) == 0 } ?? "."
    }

    private static func isDirectory(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    static func errorText() -> String { String(cString: strerror(errno)) }

    /// What the system says when this process, or all of them together, may open hardly any more files; nil when it may. SQLite does not
    /// tell it, and has closed what it could open by the time its error is heard of: so it is tried with as many as a store needs.
    static var lackOfDescriptors: String? {
        var opened: [Int32] = []
        defer { for file in opened { close(file) } }
        for _ in 0..<16 {
            let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return errno == EMFILE || errno == ENFILE ? errorText() : nil }
            opened.append(file)
        }
        return nil
    }

    /// Makes the directory of the store (0700) and its file (0600), when they are not there.
    static func prepare(path: String) throws(StoreError) {
        let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        if !directory.isEmpty { try makeDirectory(directory) }
        // Closing a file gives up all locks that this process has on it (POSIX), those of an app's own connections too: one that is there
        // is not opened.
        if size(of: path) != nil {
            guard access(path, R_OK | W_OK) == 0 else { throw .readOnly("\(path): \(errorText())") }
            return
        }
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            if errno == ENOSPC { throw .full(free: freeBytes(at: directory), needed: nil) }
            throw .readOnly("\(path): \(errorText())")
        }
        close(file)
    }

    static func makeDirectory(_ path: String) throws(StoreError) {
        var made = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            made += part.isEmpty && made.isEmpty ? "/" : (made.hasSuffix("/") || made.isEmpty ? String(part) : "/" + part)
            if mkdir(made, 0o700) == 0 || errno == EEXIST || errno == EISDIR { continue }
            throw .readOnly("\(made): \(errorText())")
        }
    }
}
