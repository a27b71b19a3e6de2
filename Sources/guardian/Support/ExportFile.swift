import Foundation

/// A file that appears whole under its name, or not at all: written beside it under a name that nobody can know beforehand, brought to
/// disk, renamed. `-` is standard output; a device or a pipe is written to as it is, and a link is followed.
final class ExportFile {
    /// What becomes the file's name; nil for what is written to as it is.
    private let path: String?
    /// What is written to.
    private let temporary: String
    /// What errors call it: what was asked for.
    private let name: String
    private let descriptor: Int32
    /// Where bytes wait for whoever reads what is written to as it is; nil where ``write(_:)`` waits instead.
    private let spool: Spool?

    /// `flag` is named in errors. With `spools`, ``write(_:)`` waits for nobody who reads a pipe slowly, or pauses.
    init(_ path: String, flag: String = "--out", mode: mode_t = 0o600, spools: Bool = false) throws {
        guard path != "-" else {
            (self.path, temporary, name, descriptor) = (nil, "standard output", "standard output", STDOUT_FILENO)
            spool = spools ? Spool(to: STDOUT_FILENO, named: "standard output") : nil
            return
        }
        try Self.check(path, flag: flag)
        name = "\(flag): \(path)"
        if Self.standing(at: path) == .stream {
            self.path = nil
            temporary = path
            let opened = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC)
            guard opened >= 0 else { throw Self.failure("\(name) can't be written") }
            descriptor = opened
            spool = spools ? Spool(to: opened, named: name) : nil
            return
        }
        spool = nil
        let target = try Self.followed(path, flag: flag)
        self.path = target
        let url = URL(fileURLWithPath: target)
        let chance = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        temporary = url.deletingLastPathComponent().appendingPathComponent(".\(url.lastPathComponent).\(chance).part").path
        // What is there already is somebody's, and would keep its owner and mode.
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw Self.failure("\(name) can't be written") }
    }

    /// Writes a report, which others may read.
    static func put(_ text: String, at path: String, flag: String) throws {
        let file = try ExportFile(path, flag: flag, mode: 0o666)
        do {
            try file.write(Array(text.utf8))
            try file.commit()
        } catch {
            file.discard()
            throw error
        }
    }

    // MARK: What is there

    private enum Standing { case nothing, file, directory, socket, stream }

    private static func standing(at path: String) -> Standing {
        var info = stat()
        guard stat(path, &info) == 0 else { return .nothing }
        switch info.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .directory
        case S_IFSOCK: return .socket
        default: return .stream
        }
    }

    /// Refuses what can't be written as a file, before there is anything to write.
    static func check(_ path: String, flag: String) throws {
        guard !path.isEmpty else { throw Failure(.usage, "\(flag): is empty; give the path of a file") }
        switch standing(at: path) {
        case .directory: throw Failure(.usage, "\(flag): \(path) is a directory; name a file in it")
        case .socket: throw Failure(.usage, "\(flag): \(path) is a socket; name a file")
        case .file where isDatabase(path):
            throw Failure(.refused, "\(flag): \(path) is a database, and is never written over; name another file")
        case .nothing, .file, .stream: return
        }
    }

    /// Whether a file is SQLite's: a store, a copy of one, or an app's own.
    private static func isDatabase(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let mark = Array("SQLite format 3\0".utf8)
        var start = [UInt8](repeating: 0, count: mark.count)
        let count = start.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        return count == mark.count && start == mark
    }

    /// Whether `path` is written to as it is, so that nothing stands beside it until it is whole: standard output, a device, a pipe.
    static func isStream(_ path: String) -> Bool { path == "-" || standing(at: path) == .stream }

    /// The directory that a file is made in; nil for what is written to as it is.
    static func directory(of path: String, flag: String) throws -> String? {
        guard standing(at: path) != .stream else { return nil }
        return URL(fileURLWithPath: try followed(path, flag: flag)).deletingLastPathComponent().path
    }

    /// Where a path leads, also to what is not there yet.
    static func destination(of path: String) -> String {
        var place = path
        // As many as the system follows.
        for _ in 0..<40 {
            let next: String
            do { next = try FileManager.default.destinationOfSymbolicLink(atPath: place) } catch { break }
            place = next.hasPrefix("/") ? next : URL(fileURLWithPath: place).deletingLastPathComponent().path + "/" + next
        }
        return place
    }

    /// The same. The system judges whether a link may be followed: in a directory that all write to, it may be a trap.
    static func followed(_ path: String, flag: String) throws -> String {
        let place = destination(of: path)
        guard place != path else { return path }
        let probe = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        guard probe >= 0 || errno == ENOENT else { throw failure("\(flag): \(path) can't be written") }
        if probe >= 0 { close(probe) }
        return place
    }

    func write(_ bytes: [UInt8]) throws {
        guard let spool else { return try Self.write(bytes, to: descriptor, named: name) }
        try spool.put(bytes)
    }

    /// Writes all of it, however long that takes.
    static func write(_ bytes: [UInt8], to descriptor: Int32, named name: String) throws(Failure) {
        var start = 0
        while start < bytes.count {
            let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress! + start, $0.count - start) }
            if written < 0, errno == EINTR { continue }
            if written < 0, errno == EAGAIN {
                // Somebody has made it non-blocking.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, -1)
                continue
            }
            if written < 0, errno == EPIPE, descriptor == STDOUT_FILENO { Terminal.endUnread() }
            guard written > 0 else { throw failure("\(name) can't be written") }
            start += written
        }
    }

    /// Gives the file its name.
    func commit() throws {
        guard let path else {
            try spool?.finish()
            guard descriptor == STDOUT_FILENO || close(descriptor) == 0 else { throw Self.failure("\(name) can't be closed") }
            return
        }
        guard fsync(descriptor) == 0 else { throw Self.failure("\(name) can't be brought to disk") }
        guard close(descriptor) == 0 else { throw Self.failure("\(name) can't be closed") }
        guard rename(temporary, path) == 0 else {
            let failure = Self.failure("\(name) can't be written")
            unlink(temporary)
            throw failure
        }
        Self.syncDirectory(of: path)
    }

    /// A name is on disk when its directory is. What a file system can't promise keeps nobody from the file that is there.
    static func syncDirectory(of path: String) {
        let directory = open(URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }

    /// What stands there until it gets its name; nil for what is written to as it is.
    var part: String? { path == nil ? nil : temporary }

    /// Leaves nothing behind. What is written to as it is stays open: the spool may be in the middle of a piece.
    func discard() {
        guard path != nil else { return }
        close(descriptor)
        unlink(temporary)
    }

    private static func failure(_ what: String) -> Failure { Failure(.failed, "\(what): \(String(cString: strerror(errno)))") }
}
