public import GuardianCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// Shows, after the fact, that a process did not end as it should: a file that it holds a lock on while it runs, and removes at its end.
///
/// The kernel gives up the lock when the process dies, however it dies; so a marker that nobody holds is one of a crash, a kill or a power
/// cut. Several processes on one directory have a marker each.
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

    private let descriptor: Int32
    private let path: String
    private let isOpen = NSLock()
    private var isEnded = false

    /// What earlier processes have left, and this one's own marker. Throws when the directory can't be written.
    public static func begin(in directory: String, version: String, now: Timestamp) throws -> (marker: RunMarker, unclean: [Unclean]) {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        var unclean: [Unclean] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: directory).sorted() where name.hasSuffix(suffix) {
            if let found = takeDead(directory + "/" + name) { unclean.append(found) }
        }
        return (try RunMarker(directory: directory, version: version, now: now), unclean)
    }

    private init(directory: String, version: String, now: Timestamp) throws {
        let pid = getpid()
        path = "\(directory)/\(now.milliseconds)-\(pid)\(Self.suffix)"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw LogFileError.system("\(path) can't be made") }
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        let text: JSONValue = ["started_at": .string(now.rfc3339), "version": .string(version), "pid": JSONValue(Int64(pid))]
        let bytes = Array((text.text + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
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

    /// Reads and removes a marker that no living process holds; nil for one that is held.
    private static func takeDead(_ path: String) -> Unclean? {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return nil }
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
