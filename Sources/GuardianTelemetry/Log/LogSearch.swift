import GuardianCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// Finds lines in a log file and the older ones beside it, also while they are written and rotated.
///
/// The console and `guardian logs` read through it. Files are read from their ends in pieces, so that the newest lines of a large log cost
/// no more than those of a small one.
package struct LogSearch: Sendable {
    /// Some lines, and where the next ones are.
    package struct Page: Sendable {
        /// The newest first.
        package var lines: [LogLine]
        /// Give it to ``LogSearch/page(_:after:limit:)`` for older lines; nil when there are none.
        package var next: String?
    }

    /// A cursor that is none of this log's.
    package struct UnknownCursor: Error, Sendable {}

    /// Lines of a page at most.
    package static let mostLines = 1000
    /// Bytes that one page looks through at most; a page that found nothing within them has a cursor nevertheless.
    package static let mostBytes = 64 << 20

    /// Lines after which a page looks at the clock.
    private static let linesBetweenLooks = 256

    /// Bytes of lines older than `since` that are looked through before a search ends, for the clock may have been set in between; 1 MiB.
    package static let mostOldBytes = 1 << 20

    package let paths: [String]

    /// The file that is being written.
    package var path: String { paths[0] }

    /// Whether any of the files is there.
    package var isThere: Bool { paths.contains { FileManager.default.fileExists(atPath: $0) } }

    /// `path` and `maxFiles` are those of the ``LogFile`` that writes it.
    package init(path: String, maxFiles: Int = 5) { paths = LogFile.Configuration(path: path, maxFiles: maxFiles).paths }

    /// The lines that match, the newest first, from the end of the log or from where another page ended.
    ///
    /// `patience` is how long a page looks at most; beyond it the page has what was found so far, and a cursor. nil, the default, looks
    /// through ``mostBytes``. A cursor of a file that has been rotated away for good leads to an empty page. Throws ``UnknownCursor`` for a
    /// text that is no cursor.
    package func page(_ filter: LogFilter, after cursor: String? = nil, limit: Int = 100, patience: Duration? = nil) throws -> Page {
        let limit = min(max(limit, 1), Self.mostLines)
        var start: LogPosition?
        if let cursor {
            guard let position = LogPosition(cursor) else { throw UnknownCursor() }
            start = position
        }
        var files = paths.compactMap { LogReader(path: $0) }
        if let start {
            guard let first = files.firstIndex(where: { $0.inode == start.inode }) else { return Page(lines: [], next: nil) }
            files.removeFirst(first)
        }
        var page = Page(lines: [], next: nil)
        var budget = Self.mostBytes
        let deadline = patience.map { ContinuousClock.now + $0 }
        var looked = 0
        let needle = filter.needle
        // What was left of the budget where the lines began to be old.
        var oldFrom: Int?
        for (index, file) in files.enumerated() {
            var end = file.size
            if index == 0, let start { end = min(start.offset, end) }
            var lines = BackwardLines(file, end: end)
            while let line = lines.next() {
                let before = budget
                budget -= line.bytes.count + 1
                if (needle.map { line.bytes.holds($0) } ?? true), let found = LogLine(line: line.bytes) {
                    // Lines stand in the order of their times, but for a moment more or less where several processes write, and for what a
                    // clock that was wrong has dated: behind that, later ones may stand.
                    if let since = filter.since, found.timestamp.adding(milliseconds: 60_000) < since {
                        oldFrom = oldFrom ?? before
                    } else {
                        oldFrom = nil
                    }
                    if filter.matches(found) { page.lines.append(found) }
                }
                if let oldFrom, oldFrom - budget > Self.mostOldBytes { return page }
                let isLast = line.offset == 0 && index == files.count - 1
                looked += 1
                let isLate = looked % Self.linesBetweenLooks == 0 && deadline.map { ContinuousClock.now >= $0 } ?? false
                guard page.lines.count < limit, budget > 0, !isLate else {
                    page.next = isLast ? nil : LogPosition(inode: file.inode, offset: line.offset).text
                    return page
                }
            }
        }
        return page
    }
}

extension ArraySlice<UInt8> {
    /// Whether these bytes are somewhere in it.
    fileprivate func holds(_ needle: [UInt8]) -> Bool {
        guard let first = needle.first else { return true }
        return withUnsafeBytes { hay in
            needle.withUnsafeBytes { wanted in
                guard let end = hay.baseAddress.map({ $0 + hay.count }), var at = hay.baseAddress, let needle = wanted.baseAddress else {
                    return false
                }
                while end - at >= wanted.count, let found = memchr(at, Int32(first), (end - at) - wanted.count + 1) {
                    if memcmp(found, needle, wanted.count) == 0 { return true }
                    at = UnsafeRawPointer(found) + 1
                }
                return false
            }
        }
    }
}
