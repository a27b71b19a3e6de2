import GuardianCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

extension LogSearch {
    /// Milliseconds between looks at the file.
    package static let lookEveryMs = 100

    /// The lines that match, as they are written from now on. Goes on over rotations, and waits for a file that is yet to be made.
    ///
    /// A reader that does not keep up loses the oldest of what waits for it, `backlog` lines at most. Ends with the task that reads it.
    package func tail(_ filter: LogFilter, backlog: Int = 10_000) -> AsyncStream<LogLine> {
        // Opened here and now: what is written after this call is told.
        let follower = LogFollower(path: paths[0])
        return AsyncStream(bufferingPolicy: .bufferingNewest(backlog)) { continuation in
            // Ends with the stream, which cancels it.
            let reading = Task { [follower] in
                var follower = follower
                while !Task.isCancelled {
                    for line in follower.fresh() where filter.matches(line) { continuation.yield(line) }
                    do { try await Task.sleep(for: .milliseconds(Self.lookEveryMs)) } catch { break }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in reading.cancel() }
        }
    }
}

/// Reads what is added to the file at a path, and to the one that follows it there.
package struct LogFollower: Sendable {
    private let path: String
    private var file: LogReader?
    private var offset: Int
    /// The beginning of a line whose end is yet to be written.
    private var rest: [UInt8] = []

    /// Begins at the end of what is there.
    package init(path: String) {
        self.path = path
        file = LogReader(path: path)
        offset = file?.size ?? 0
    }

    /// The lines that have been added since.
    package mutating func fresh() -> [LogLine] {
        var lines = read()
        // The old file is read to its end before the next one is begun.
        if let open = file, !open.isStill(at: path) {
            lines += read()
            file = nil
        }
        if file == nil, let next = LogReader(path: path) {
            file = next
            offset = 0
            rest = []
            lines += read()
        }
        return lines
    }

    private mutating func read() -> [LogLine] {
        guard let file else { return [] }
        // A file that was cut is read from its beginning.
        if file.size < offset { offset = 0 }
        var lines: [LogLine] = []
        while true {
            let more = file.read(64 << 10, at: offset)
            guard !more.isEmpty else { return lines }
            offset += more.count
            rest += more
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                if let line = LogLine(line: rest[..<end]) { lines.append(line) }
                rest.removeSubrange(...end)
            }
            if rest.count > LogLine.longest { rest = [] }
        }
    }
}
