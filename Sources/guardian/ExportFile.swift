import Foundation

/// A file that appears whole under its name, or not at all: written beside it under a name that nobody can know beforehand (mode 0600),
/// brought to disk, renamed. `-` is standard output.
final class ExportFile {
    private let path: String?
    private let temporary: String
    private let descriptor: Int32

    init(_ path: String) throws {
        guard path != "-" else {
            (self.path, temporary, descriptor) = (nil, "", 1)
            return
        }
        var isDirectory: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue {
            throw Failure(.usage, "--out: \(path) is a directory; name a file in it")
        }
        self.path = path
        let url = URL(fileURLWithPath: path)
        let chance = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        temporary = url.deletingLastPathComponent().appendingPathComponent(".\(url.lastPathComponent).\(chance).part").path
        // What is there already is somebody's, and would keep its owner and mode.
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("--out: \(temporary) can't be made") }
    }

    func write(_ bytes: [UInt8]) throws {
        var start = 0
        while start < bytes.count {
            let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress! + start, $0.count - start) }
            if written < 0, errno == EINTR { continue }
            if written < 0, errno == EPIPE, path == nil { Terminal.endUnread() }
            guard written > 0 else {
                throw Self.failure(path == nil ? "standard output can't be written" : "\(temporary) can't be written")
            }
            start += written
        }
    }

    /// Gives the file its name.
    func commit() throws {
        guard let path else { return }
        guard fsync(descriptor) == 0 else { throw Self.failure("\(temporary) can't be brought to disk") }
        guard close(descriptor) == 0 else { throw Self.failure("\(temporary) can't be closed") }
        guard rename(temporary, path) == 0 else {
            let failure = Self.failure("\(path) can't be written")
            unlink(temporary)
            throw failure
        }
        Self.syncDirectory(of: path)
    }

    /// A name is on disk when its directory is. What a file system can't promise keeps nobody from the file that is there.
    private static func syncDirectory(of path: String) {
        let directory = open(URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }

    /// Leaves nothing behind.
    func discard() {
        guard path != nil else { return }
        close(descriptor)
        unlink(temporary)
    }

    private static func failure(_ what: String) -> Failure { Failure(.failed, "\(what): \(String(cString: strerror(errno)))") }
}
