import Foundation
import GuardianCore
import Synchronization

/// Who did what in the console: one JSON object a line, in a file of mode 0600 that is turned over by size.
final class AuditLog: Sendable {
    /// Bytes after which a new file is begun.
    static let fileBytes = 4 << 20
    /// Old files that are kept: `NAME.1` is the youngest.
    static let oldFiles = 4
    /// Entries that are kept in memory, for the page; older ones stand in the files.
    static let most = 10_000

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
        /// `asked`, `done`, `stopped`, `refused` or `failed`.
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

    /// The oldest first.
    private struct Kept {
        var entries: [Entry]
        /// Entries that have given way: places on a page are counted from the first that there was.
        var gone = 0
    }

    private let path: String?
    private let kept: Mutex<Kept>

    /// Without a path it lives in memory only.
    init(path: String?) {
        self.path = path
        kept = Mutex(Kept(entries: path.map(Self.tail) ?? []))
    }

    /// Writes an entry, and returns when it is on disk.
    func record(_ entry: Entry) throws {
        try kept.withLock { kept in
            if let path { try Self.append(entry.json.text + "\n", to: path) }
            kept.entries.append(entry)
            guard kept.entries.count > Self.most else { return }
            kept.entries.removeFirst()
            kept.gone += 1
        }
    }

    /// The youngest first, of those before `place` where one is given; and the place of the next page, where there is one.
    func page(before place: Int?, limit: Int) -> (entries: [Entry], next: Int?) {
        kept.withLock { kept -> (entries: [Entry], next: Int?) in
            let end = place.map { min(max($0 - kept.gone, 0), kept.entries.count) } ?? kept.entries.count
            let start = max(0, end - limit)
            return (Array(kept.entries[start..<end].reversed()), start > 0 ? kept.gone + start : nil)
        }
    }

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

    /// The youngest entries of the file and, while they are too few, of those before.
    private static func tail(_ path: String) -> [Entry] {
        var found: [Entry] = []
        for file in [path] + (1...oldFiles).map({ "\(path).\($0)" }) where found.count < most {
            guard let data = FileManager.default.contents(atPath: file) else { continue }
            let lines = String(decoding: data, as: UTF8.self).split(separator: "\n").suffix(most - found.count)
            found = lines.compactMap { Entry($0) } + found
        }
        return found
    }
}
