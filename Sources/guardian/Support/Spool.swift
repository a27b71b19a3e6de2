import Foundation
import Synchronization

/// Bytes on their way to a reader that may pause for as long as it likes: who hands them over never waits for it, and so keeps no store
/// from copying its log back.
///
/// What the reader is behind by waits in memory, some mebibytes of it, then in a temporary file. That has no name, so that nothing is left
/// of it however this process ends, and is emptied when the reader has caught up.
final class Spool: Sendable {
    /// Bytes that wait in memory at most, beside those that are being written.
    private static let mostInMemory = 4 << 20
    private static let pieceSize = 256 << 10

    private struct State {
        /// The oldest; all that is in the file came later.
        var waiting: [UInt8] = []
        var overflow = Overflow()
        var isWriting = false
        var failure: Failure?
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "guardian.spool")
    private let target: Int32
    private let name: String

    /// `name` is what errors call `target`, which has to stay open as long as the process.
    init(to target: Int32, named name: String) {
        self.target = target
        self.name = name
    }

    /// Takes bytes over. Throws when those before them could not be written, or there is no room for these.
    func put(_ bytes: [UInt8]) throws(Failure) {
        let starts = try state.withLock { state throws(Failure) -> Bool in
            if let failure = state.failure { throw failure }
            if state.overflow.isEmpty, state.waiting.count + bytes.count <= Self.mostInMemory {
                state.waiting += bytes
            } else {
                try state.overflow.append(bytes)
            }
            let starts = !state.isWriting
            state.isWriting = true
            return starts
        }
        if starts { queue.async { [self] in writeWaiting() } }
    }

    /// Returns when all of it is written.
    func finish() throws(Failure) {
        queue.sync {}
        let failure = state.withLock { state in
            state.overflow.discard()
            return state.failure
        }
        if let failure { throw failure }
    }

    private func writeWaiting() {
        while let piece = next() {
            do throws(Failure) { try ExportFile.write(piece, to: target, named: name) } catch {
                return state.withLock { $0.failure = error }
            }
        }
    }

    /// What is to be written next; nil when nothing waits, or it can't be read back.
    private func next() -> [UInt8]? {
        state.withLock { state -> [UInt8]? in
            if !state.waiting.isEmpty {
                defer { state.waiting = [] }
                return state.waiting
            }
            do throws(Failure) {
                let piece = try state.overflow.take(Self.pieceSize)
                if !piece.isEmpty { return piece }
            } catch { state.failure = error }
            state.isWriting = false
            return nil
        }
    }
}

/// A temporary file without a name: what is appended is taken in the same order.
private struct Overflow {
    /// Bytes of its volume that are left to others at most; on a small one a sixteenth of it.
    private static let leastFree: Int64 = 64 << 20

    private var file: Int32 = -1
    private var directory = ""
    private var begin: off_t = 0
    private var end: off_t = 0

    var isEmpty: Bool { begin == end }

    mutating func append(_ bytes: [UInt8]) throws(Failure) {
        if file < 0 { try make() }
        guard hasRoom(for: bytes.count) else { throw noRoom(ENOSPC) }
        var start = 0
        while start < bytes.count {
            let place = end
            let written = bytes.withUnsafeBytes { pwrite(file, $0.baseAddress! + start, $0.count - start, place) }
            guard written > 0 else { throw noRoom(errno) }
            start += written
            end += off_t(written)
        }
    }

    /// The oldest bytes, `most` of them or fewer; none when there are none.
    mutating func take(_ most: Int) throws(Failure) -> [UInt8] {
        guard !isEmpty else { return [] }
        var piece = [UInt8](repeating: 0, count: min(most, Int(end - begin)))
        let place = begin
        let count = piece.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, place) }
        guard count > 0 else { throw Failure(.failed, "a temporary file in \(directory) can't be read: \(Self.words(errno))") }
        piece.removeLast(piece.count - count)
        begin += off_t(count)
        if isEmpty, ftruncate(file, 0) == 0 { (begin, end) = (0, 0) }
        return piece
    }

    mutating func discard() {
        if file >= 0 { close(file) }
        self = Overflow()
    }

    private mutating func make() throws(Failure) {
        directory = TemporaryDirectory.path
        let path = TemporaryDirectory.newPath("export")
        file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw noRoom(errno) }
        unlink(path)
    }

    private func hasRoom(for count: Int) -> Bool {
        var info = statvfs()
        guard fstatvfs(file, &info) == 0 else { return true }
        let block = UInt64(info.f_frsize)
        let free = Int64(clamping: UInt64(info.f_bavail) * block)
        return free - Int64(count) >= min(Self.leastFree, Int64(clamping: UInt64(info.f_blocks) * block) / 16)
    }

    private func noRoom(_ code: Int32) -> Failure {
        Failure(
            .failed,
            "there is no room in \(directory) for what nobody has read yet (\(end - begin) bytes wait there): \(Self.words(code)); "
                + "read faster, give --out a file, or name a roomier directory in TMPDIR")
    }

    private static func words(_ code: Int32) -> String { String(cString: strerror(code)) }
}
