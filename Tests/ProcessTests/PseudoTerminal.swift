import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A terminal with a program in it: what it shows is read, and keys are pressed.
final class PseudoTerminal: Sendable {
    /// There is none, or what was waited for never came; with what was shown.
    struct Silent: Error { var shown: String }

    private static let queue = DispatchQueue(label: "guardian.tests.terminal", attributes: .concurrent)

    /// Our end, and the program's.
    private let near: Int32
    private let far: Int32
    private let bytes = Mutex<[UInt8]>([])

    init() throws {
        var first: Int32 = -1
        var second: Int32 = -1
        guard openpty(&first, &second, nil, nil, nil) == 0 else { throw Silent(shown: "") }
        near = first
        far = second
    }

    deinit {
        close(far)
        close(near)
    }

    /// Whether keys come as they are pressed, and whether they are shown.
    var localFlags: tcflag_t {
        var mode = termios()
        tcgetattr(far, &mode)
        return mode.c_lflag
    }

    /// Makes it so wide; before that nobody can tell how wide it is.
    func resize(columns: UInt16) {
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(far, UInt(TIOCSWINSZ), &size)
    }

    /// Runs the binary in it.
    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Guardian.binary)
        process.arguments = arguments
        process.environment = childEnvironment(environment)
        process.standardInput = FileHandle(fileDescriptor: far, closeOnDealloc: false)
        process.standardOutput = FileHandle(fileDescriptor: far, closeOnDealloc: false)
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    func press(_ key: String) {
        let typed = Array(key.utf8)
        _ = write(near, typed, typed.count)
    }

    /// All that was shown so far.
    var shown: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }

    /// Reads until what was shown is as wanted; throws after half a minute.
    func wait(until isShown: @escaping @Sendable (String) -> Bool) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            Self.queue.async { [self] in
                let end = ContinuousClock.now + .seconds(30)
                while !isShown(shown) {
                    guard ContinuousClock.now < end else {
                        continuation.resume(throwing: Silent(shown: shown))
                        return
                    }
                    takeIn()
                }
                continuation.resume()
            }
        }
    }

    /// Takes in what is shown within a tenth of a second.
    private func takeIn() {
        var waiting = pollfd(fd: near, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, 100) > 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(near, &buffer, buffer.count)
        guard count > 0 else { return }
        let more = buffer.prefix(count)
        bytes.withLock { $0 += more }
    }
}
