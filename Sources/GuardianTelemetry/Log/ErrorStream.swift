import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// Writes lines to stderr from a thread of its own: nobody may be reading there, and then a write never returns.
package final class ErrorStream: Sendable {
    /// Bytes that wait at most; 8 MiB. Lines beyond are counted, not kept.
    package static let backlog = 8 << 20

    private struct Waiting {
        var bytes: [UInt8] = []
        var dropped = 0
        var isScheduled = false
    }

    private let waiting = Mutex(Waiting())
    private let queue = DispatchQueue(label: "guardian.log.stderr")
    private let put: @Sendable ([UInt8]) -> Void
    private let missing: @Sendable (Int) -> [UInt8]

    /// `put` writes, and may block; `missing` is the line that says how many others found no room.
    package init(put: @escaping @Sendable ([UInt8]) -> Void, missing: @escaping @Sendable (Int) -> [UInt8]) {
        self.put = put
        self.missing = missing
    }

    /// Hands lines over, each with its end. Never waits.
    package func write(_ lines: [[UInt8]]) {
        guard !lines.isEmpty else { return }
        let starts = waiting.withLock { waiting in
            for line in lines {
                if waiting.bytes.count + line.count > Self.backlog { waiting.dropped += 1 } else { waiting.bytes += line }
            }
            defer { waiting.isScheduled = true }
            return !waiting.isScheduled
        }
        if starts { queue.async { [self] in putWaiting() } }
    }

    /// Calls back when everything handed over before is written.
    package func whenWritten(_ done: @escaping @Sendable () -> Void) {
        queue.async { [self] in
            putWaiting()
            done()
        }
    }

    private func putWaiting() {
        let (bytes, dropped) = waiting.withLock { waiting in
            defer { waiting = Waiting() }
            return (waiting.bytes, waiting.dropped)
        }
        let all = dropped > 0 ? bytes + missing(dropped) : bytes
        if !all.isEmpty { put(all) }
    }

    package static func writeToStandardError(_ bytes: [UInt8]) {
        // stderr may be gone (a closed pipe); there is nowhere else to say so.
        do { try FileHandle.standardError.write(contentsOf: Data(bytes)) } catch {}
    }
}
