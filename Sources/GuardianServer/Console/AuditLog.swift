import Foundation
import GuardianCore
import Synchronization

/// Who did what in the console: one JSON object a line, in files of mode 0600 that are turned over by size.
///
/// A refused login is the one entry that anybody can make. These stand on a shelf of their own, in memory and on disk, so that however
/// many there are they push out nothing that was done.
final class AuditLog: Sendable {
    /// How much is kept of one kind of entries.
    struct Shelf: Sendable {
        /// Bytes after which a new file is begun.
        let fileBytes: Int
        /// Old files that are kept: `NAME.1` is the youngest.
        let oldFiles: Int
        /// Entries that are kept in memory, for the page; older ones stand in the files.
        let most: Int
    }

    /// What was done, logins too.
    static let deeds = Shelf(fileBytes: 4 << 20, oldFiles: 4, most: 10_000)
    static let refusals = Shelf(fileBytes: 1 << 20, oldFiles: 1, most: 1000)

    struct Entry: Sendable, Equatable {
        var at: Timestamp
        /// The name of the token's holder.
        var who: String
        var role: String
        var address: String
        /// A fixed word, such as `clear_failed`.
        var action: String
        /// How many operations it was about, when that is known; of a refused login, the wrong tokens from its address by then.
        var count: Int64?
        /// What it was about, redacted.
        var detail: String
        /// `asked`, `done`, `stopped`, `refused` or `failed`.
        var outcome: String

        /// Whether nobody was let in by it.
        var isRefusedLogin: Bool { action == "login" && outcome == "refused" }
        fileprivate var shelf: Shelf { isRefusedLogin ? AuditLog.refusals : AuditLog.deeds }

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

    /// The oldest first.
    private struct Kept {
        /// Numbered from the first that there was: what has given way leaves gaps, and places on a page stay what they are.
        private(set) var entries: [(number: Int, entry: Entry)] = []
        private var last = 0
        private var refused = 0

        mutating func add(_ entry: Entry) {
            last += 1
            entries.append((last, entry))
            let isRefused = entry.isRefusedLogin
            if isRefused { refused += 1 }
            guard (isRefused ? refused : entries.count - refused) > entry.shelf.most,
                let oldest = entries.firstIndex(where: { $0.entry.isRefusedLogin == isRefused })
            else { return }
            entries.remove(at: oldest)
            if isRefused { refused -= 1 }
        }
    }

    /// nil where it lives in memory only.
    private let path: String?
    private let kept: Mutex<Kept>

    /// Without a path it lives in memory only.
    init(path: String?) {
        self.path = path
        var found = Kept()
        if let path {
            let (done, refused) = (Self.tail(path, Self.deeds), Self.tail(Self.refusedPath(beside: path), Self.refusals))
            for entry in Self.merged(done, refused) { found.add(entry) }
        }
        kept = Mutex(found)
    }

    /// Where refused logins are written: `admin-audit-refused.jsonl` beside `admin-audit.jsonl`.
    private static func refusedPath(beside path: String) -> String {
        let ending = ".jsonl"
        return path.hasSuffix(ending) ? String(path.dropLast(ending.count)) + "-refused" + ending : path + "-refused"
    }

    /// Writes an entry, and returns when it is on disk.
    func record(_ entry: Entry) throws {
        try kept.withLock { kept in
            if let path {
                let file = entry.isRefusedLogin ? Self.refusedPath(beside: path) : path
                try Self.append(entry.json.text + "\n", to: file, entry.shelf)
            }
            kept.add(entry)
        }
    }

    /// The youngest first, of those before `place` where one is given; and the place of the next page, where there is one.
    func page(before place: Int?, limit: Int) -> (entries: [Entry], next: Int?) {
        kept.withLock { kept -> (entries: [Entry], next: Int?) in
            let entries = kept.entries
            let end = place.flatMap { place in entries.firstIndex { $0.number >= place } } ?? entries.count
            let start = max(0, end - limit)
            return (entries[start..<end].reversed().map { $0.entry }, start > 0 ? entries[start].number : nil)
        }
    }

    /// A line stands there as a whole, or not at all.
    private static func append(_ line: String, to path: String, _ shelf: Shelf) throws {
        turnOver(path, shelf)
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

    private static func turnOver(_ path: String, _ shelf: Shelf) {
        var info = stat()
        guard stat(path, &info) == 0, info.st_size >= shelf.fileBytes else { return }
        for number in (1..<shelf.oldFiles).reversed() { rename("\(path).\(number)", "\(path).\(number + 1)") }
        rename(path, "\(path).1")
    }

    /// The youngest entries of the file and, while they are too few, of those before. Refused logins that an earlier build has written
    /// among the others take nothing of their room.
    private static func tail(_ path: String, _ shelf: Shelf) -> [Entry] {
        let isOfRefusals = shelf.most == refusals.most
        var found: [Entry] = []
        var (count, others) = (0, 0)
        for file in [path] + (1...shelf.oldFiles).map({ "\(path).\($0)" }) where count < shelf.most {
            guard let data = FileManager.default.contents(atPath: file) else { continue }
            var youngest: [Entry] = []
            for line in String(decoding: data, as: UTF8.self).split(separator: "\n").reversed() where count < shelf.most {
                guard let entry = Entry(line) else { continue }
                if entry.isRefusedLogin == isOfRefusals { count += 1 } else { others += 1 }
                if entry.isRefusedLogin == isOfRefusals || others <= refusals.most { youngest.append(entry) }
            }
            found = youngest.reversed() + found
        }
        return found
    }

    /// Both in the order of their times, each in its own order.
    private static func merged(_ one: [Entry], _ other: [Entry]) -> [Entry] {
        var merged: [Entry] = []
        var next = 0
        for entry in one {
            while next < other.count, other[next].at < entry.at {
                merged.append(other[next])
                next += 1
            }
            merged.append(entry)
        }
        return merged + other[next...]
    }
}
