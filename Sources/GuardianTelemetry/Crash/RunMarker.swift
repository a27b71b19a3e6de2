public import GuardianCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// Shows, after the fact, that a process did not end as it should: a file that it holds a lock on while it runs, and removes at its end.
///
/// The kernel gives up the lock when the process dies, however it dies; so a marker that nobody holds is one of a crash, a kill or a power
/// cut. Several processes on one directory have a marker each, which has its name only once it is locked and written.
public final class RunMarker: @unchecked Sendable {
    // `@unchecked`: nothing changes but `isOpen`, under its own lock.

    /// A process that ended without a word.
    public struct Unclean: Sendable, Equatable {
        /// 1970 where the marker can't be read, as after a power cut.
        public var startedAt: Timestamp
        /// As its ``RunMarker/begin(in:version:now:)`` was told; `unknown` where the marker can't be read.
        public var version: String
        /// 0 where the marker can't be read. Another process may have the number by now.
        public var pid: Int32

        package init(startedAt: Timestamp, version: String, pid: Int32) {
            self.startedAt = startedAt
            self.version = version
            self.pid = pid
        }
    }

    private static let suffix = ".running"
    /// Of one that is being made.
    private static let startingSuffix = ".starting"

    private let descriptor: Int32
    private let path: String
    private let isOpen = NSLock()
    private var isEnded = false

    /// What earlier processes have left, and this one's own marker. Throws when the directory can't be written.
    public static func begin(in directory: String, version: String, now: Timestamp) throws -> (marker: RunMarker, unclean: [Unclean]) {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        var unclean: [Unclean] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: directory).sorted() {
            if name.hasSuffix(suffix), let found = takeDead(directory + "/" + name) { unclean.append(found) }
            // Of a process that ended before it had begun: there is nothing to tell.
            if name.hasSuffix(startingSuffix) { _ = takeDead(directory + "/" + name) }
        }
        return (try RunMarker(directory: directory, version: version, now: now), unclean)
    }

    private init(directory: String, version: String, now: Timestamp) throws {
        let pid = getpid()
        // Containers that share a directory may have the same numbers for their processes.
        let name = "\(directory)/\(now.milliseconds)-\(pid)-\(String(UInt32.random(in: .min ... .max), radix: 16))"
        let starting = name + Self.startingSuffix
        path = name + Self.suffix
        descriptor = try Self.makeLocked(starting)
        let text: JSONValue = ["started_at": .string(now.rfc3339), "version": .string(version), "pid": JSONValue(Int64(pid))]
        let bytes = Array((text.text + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard rename(starting, path) == 0 else {
            unlink(starting)
            close(descriptor)
            throw LogFileError.system("\(path) can't be made")
        }
    }

    /// A new file with this process's lock. One that another process has taken for a dead one's before it was locked is made anew.
    private static func makeLocked(_ path: String) throws -> Int32 {
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw LogFileError.system("\(path) can't be made") }
            // Whoever has the lock is about to remove the file.
            while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
            if isFile(descriptor, at: path) { return descriptor }
            close(descriptor)
        }
    }

    /// Whether an open file is the one that stands at `path`.
    private static func isFile(_ descriptor: Int32, at path: String) -> Bool {
        var (held, found) = (stat(), stat())
        guard fstat(descriptor, &held) == 0, stat(path, &found) == 0 else { return false }
        return held.st_dev == found.st_dev && held.st_ino == found.st_ino
    }

    /// Says that the process ends as it should.
    public func end() {
        isOpen.lock()
        defer { isOpen.unlock() }
        guard !isEnded else { return }
        isEnded = true
        unlink(path)
        close(descriptor)
    }

    /// Reads and removes a marker that no living process holds; nil for one that is held, or that another process has just taken.
    private static func takeDead(_ path: String) -> Unclean? {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, isFile(descriptor, at: path) else { return nil }
        let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
        unlink(path)
        let json: JSONValue
        // A power cut may have left an empty one; that it was there is enough.
        do { json = try JSONValue(parsing: text) } catch { json = .null }
        let started = json["started_at"]?.string.flatMap(Timestamp.init(rfc3339:)) ?? Timestamp(milliseconds: 0)
        return Unclean(
            startedAt: started, version: json["version"]?.string ?? "unknown", pid: Int32(clamping: json["pid"]?.integer ?? 0))
    }
}
