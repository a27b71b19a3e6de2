package import GuardianCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// Events on disk until Sentry has them: one file each, the oldest first, in a directory of mode 0700.
///
/// Only the one loop of a ``SentryClient`` uses it; those of other processes may use the same directory. A file is made under another name
/// and then renamed, so that none is ever half there.
package struct SentrySpool: Sendable {
    package struct Limits: Sendable {
        /// Events kept at most; the oldest go first.
        package var events = 5000
        /// Bytes kept at most.
        package var bytes = 32 << 20
        /// Milliseconds that an event is kept; a week by default.
        package var ageMs: Int64 = 7 * 86_400_000
        /// Bytes of the volume that are left alone: with fewer, nothing is written.
        package var leastFreeBytes: Int64 = 64 << 20

        package init() {}
    }

    /// A stored event.
    package struct Entry: Sendable, Equatable {
        package var name: String
        package var bytes: Int

        /// The event's id, which is the last part of the name.
        package var eventID: String { String(name.dropLast(5).suffix(32)) }
        /// When it happened.
        package var at: Int64 { Int64(name.prefix(14)) ?? 0 }
    }

    /// Milliseconds after which a file that is half written is nobody's any more.
    package static let abandonedMs: Int64 = 3_600_000

    package let directory: String
    package let limits: Limits
    package private(set) var entries: [Entry] = []
    private var bytes = 0

    /// Finds what an earlier process has left.
    package init(directory: String, limits: Limits = .init(), now: Timestamp) throws {
        self.directory = directory
        self.limits = limits
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            let path = directory + "/" + name
            // Another process may just have sent it.
            guard let (size, changedAt) = Self.look(at: path) else { continue }
            if name.hasSuffix(".json"), name.utf8.count == 14 + 1 + 32 + 5 {
                entries.append(Entry(name: name, bytes: size))
            } else if name.hasSuffix(".tmp"), changedAt < now.adding(milliseconds: -Self.abandonedMs) {
                unlink(path)
            }
        }
        entries.sort { $0.name < $1.name }
        bytes = entries.reduce(0) { $0 + $1.bytes }
    }

    /// Size and last change of a file; nil when it is there no more.
    private static func look(at path: String) -> (size: Int, changedAt: Timestamp)? {
        var found = stat()
        guard stat(path, &found) == 0 else { return nil }
        #if canImport(Darwin)
            let seconds = found.st_mtimespec.tv_sec
        #else
            let seconds = found.st_mtim.tv_sec
        #endif
        return (Int(found.st_size), Timestamp(milliseconds: Int64(seconds) * 1000))
    }

    /// Writes an event down; returns how many older ones had to go for it. Throws when it can't be written.
    package mutating func add(eventID: String, payload: [UInt8], at: Timestamp) throws -> Int {
        if let free = OpenFile.freeBytes(at: directory), free < limits.leastFreeBytes {
            throw LogFileError.noRoom(free: free, least: limits.leastFreeBytes)
        }
        let time = String(max(0, at.milliseconds))
        let name = String(repeating: "0", count: max(0, 14 - time.count)) + time + "-" + eventID + ".json"
        let path = directory + "/" + name
        let temporary = path + ".tmp"
        guard FileManager.default.createFile(atPath: temporary, contents: Data(payload), attributes: [.posixPermissions: 0o600]) else {
            throw LogFileError.system("\(directory) can't be written")
        }
        guard rename(temporary, path) == 0 else { throw LogFileError.system("\(directory) can't be written") }
        let entry = Entry(name: name, bytes: payload.count)
        // Nearly always the last one.
        var place = entries.count
        while place > 0, entries[place - 1].name > name { place -= 1 }
        entries.insert(entry, at: place)
        bytes += entry.bytes
        var lost = 0
        while entries.count > limits.events || (bytes > limits.bytes && entries.count > 1) {
            remove(entries[0])
            lost += 1
        }
        return lost
    }

    /// Removes what is too old; returns how many those were.
    package mutating func expire(now: Timestamp) -> Int {
        let old = entries.prefix { $0.at < now.milliseconds - limits.ageMs }
        for entry in old { remove(entry) }
        return old.count
    }

    package func payload(of entry: Entry) -> [UInt8]? {
        FileManager.default.contents(atPath: directory + "/" + entry.name).map { Array($0) }
    }

    package mutating func remove(_ entry: Entry) {
        unlink(directory + "/" + entry.name)
        guard let index = entries.firstIndex(of: entry) else { return }
        entries.remove(at: index)
        bytes -= entry.bytes
    }
}
