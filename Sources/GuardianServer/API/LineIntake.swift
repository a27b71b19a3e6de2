import GuardianCore
import HTTPTypes
import NIOCore

/// Takes NDJSON as it comes off the wire and enqueues it in pieces, so that memory does not grow with the body.
///
/// A bad line ends it there: the lines before it are kept, and the problem says how many.
struct LineIntake {
    /// Lines that share one transaction.
    static let chunk = 1000

    let engine: SyncEngine
    /// The request's `Idempotency-Key`: lines without an id get one that is made from it, their number and their bytes.
    let key: String?
    private(set) var receipts: [Receipt] = []
    private var waiting: [NewOperation] = []
    private var number = 0
    private var partial: [UInt8] = []

    init(engine: SyncEngine, key: String? = nil) {
        self.engine = engine
        self.key = key
    }

    /// Takes the lines that `bytes` completes.
    mutating func take(_ bytes: ByteBufferView) async throws {
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            partial.append(contentsOf: rest[..<end])
            try await takeLine()
            rest = rest[(end + 1)...]
        }
        partial.append(contentsOf: rest)
    }

    /// Takes the last line, and waits until all are on disk.
    mutating func finish() async throws {
        if !partial.isEmpty { try await takeLine() }
        do throws(SyncError) { try await flush() } catch { throw problem(Problem(error, line: number)) }
    }

    /// Keeps what was taken so far and says how much of it there is.
    mutating func stop(_ reason: Problem) async -> Problem {
        do throws(SyncError) { try await flush() } catch { return problem(Problem(error, line: number)) }
        return problem(reason)
    }

    private mutating func takeLine() async throws {
        number += 1
        defer { partial.removeAll(keepingCapacity: true) }
        // Some editors begin a file with a byte order mark.
        if number == 1, partial.starts(with: [0xEF, 0xBB, 0xBF]) { partial.removeFirst(3) }
        do throws(SyncError) {
            guard let text = String(validating: partial, as: UTF8.self) else {
                throw .validation(field: "line", constraint: "is not valid UTF-8")
            }
            if text.allSatisfy(\.isWhitespace) { return }
            var operation = try NewOperation(jsonText: text, most: engine.configuration.limits.operationBytes)
            if let key, operation.id == nil { operation.id = RepeatGuard.id(key, number, of: partial) }
            _ = try engine.admit([operation])
            waiting.append(operation)
        } catch {
            throw await stop(Problem(error, line: number))
        }
        guard waiting.count >= Self.chunk else { return }
        do throws(SyncError) { try await flush() } catch { throw problem(Problem(error, line: number)) }
    }

    private mutating func flush() async throws(SyncError) {
        guard !waiting.isEmpty else { return }
        receipts += try await engine.enqueue(waiting)
        waiting.removeAll(keepingCapacity: true)
    }

    private func problem(_ problem: Problem) -> Problem {
        var problem = problem
        problem.extra.append(.init("accepted", JSONValue(receipts.count)))
        return problem
    }
}
