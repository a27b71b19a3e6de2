import Foundation
import GuardianCore
import Synchronization

/// Who did what in the console: one JSON object a line, in a file of mode 0600 that is turned over by size.
final class AuditLog: Sendable {
    /// Bytes after which a new file is begun.
    static let fileBytes = 4 << 20
    /// Old files that are kept: `NAME.1` is the youngest.
    static let oldFiles = 4
    /// Entries that are kept in memory, for the page.
    static let most = 1000

    struct Entry: Sendable, Equatable {
        var at: Timestamp
        /// The name of the token's holder.
        var who: String
        var role: String
        var address: String
        /// A fixed word, such as `clear_failed`.
        var action: String
        /// How many operations it was about, when that is known.
        var count: Int64?
        /// What it was about, redacted.
        var detail: String
        /// `asked`, `done`, `refused` or `failed`.
        var outcome: String

        var json: JSONValue {
            var members: [JSONValue.Member] = [
                .init("at", .string(at.rfc3339)), .init("who", .string(who)), .init("role", .string(role)),
                .init("address", .string(address)), .init("action", .string(action)),
            ]
            if let count { members.append(.init("count", JSONValue(count))) }
            return .object(members + [.init("detail", .string(detail)), .init("outcome", .string(outcome))])
        }

        init(
            at: Timestamp, who: String, role: String, address: String, action: String, count: Int64? = nil, detail: String = "",
            outcome: String
        ) {
            self.at = at
            self.who = who
            self.role = role
            self.address = address
            self.action = action
            self.count = count
            self.detail = detail
            self.outcome = outcome
        }

        /// Reads a line that was written before; nil for anything else.
        init?(_ line: some StringProtocol) {
            let json: JSONValue
            do throws(JSONScanner.Defect) { json = try JSONValue(parsing: String(line)) } catch { return nil }
            guard let at = json["at"]?.string.flatMap({ Timestamp(rfc3339: $0) }) else { return nil }
            func text(_ name: String) -> String { json[name]?.string ?? "" }
            self.init(
                at: at, who: text("who"), role: text("role"), address: text("address"), action: text("action"),
                count: json["count"]?.integer, detail: text("detail"), outcome: text("outcome"))
        }
    }

    /// The log can't be written, so nothing is done.
    struct Unwritable: Error, CustomStringConvertible {
        var path: String
        var description: String { "the audit log \(path) can't be written; make room or mend its mode, then try again" }
    }

    private let path: String?
    private let entries: Mutex<[Entry]>

    /// Without a path it lives in memory only.
    init(path: String?) {
        self.path = path
        entries = Mutex(path.map(Self.tail) ?? [])
    }

    /// Writes an entry, and returns when it is on disk.
    func record(_ entry: Entry) throws {
        try entries.withLock { entries in
            if let path { try Self.append(entry.json.text + "\n", to: path) }
            entries.append(entry)
            if entries.count > Self.most { entries.removeFirst(entries.count - Self.most) }
        }
    }

    /// The youngest first.
    func latest(_ count: Int) -> [Entry] { entries.withLock { $0.suffix(count).reversed() } }

    /// A line stands there as a whole, or not at all.
    private static func append(_ line: String, to path: String) throws {
        turnOver(path)
        let file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Unwritable(path: path) }
        defer { close(file) }
        var info = stat()
        guard fstat(file, &info) == 0 else { throw Unwritable(path: path) }
        let bytes = Array((endsTorn(file, info.st_size) ? "\n" + line : line).utf8)
        guard write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
            // What can't be cut off either is parted from the next line.
            _ = ftruncate(file, info.st_size)
            throw Unwritable(path: path)
        }
    }

    /// Whether a process was ended in the middle of its last line.
    private static func endsTorn(_ file: Int32, _ size: off_t) -> Bool {
        var last: UInt8 = 0
        return size > 0 && pread(file, &last, 1, size - 1) == 1 && last != UInt8(ascii: "\n")
    }

    private static func turnOver(_ path: String) {
        var info = stat()
        guard stat(path, &info) == 0, info.st_size >= fileBytes else { return }
        for number in (1..<oldFiles).reversed() { rename("\(path).\(number)", "\(path).\(number + 1)") }
        rename(path, "\(path).1")
    }

    /// The youngest entries of the file and, when it is short, of the one before.
    private static func tail(_ path: String) -> [Entry] {
        var found: [Entry] = []
        for file in ["\(path).1", path] {
            guard let data = FileManager.default.contents(atPath: file) else { continue }
            found += String(decoding: data, as: UTF8.self).split(separator: "\n").suffix(most).compactMap { Entry($0) }
        }
        return Array(found.suffix(most))
    }
}
