import Foundation
import Synchronization

/// One line on a terminal that says how far long work has come; nothing where stderr is no terminal.
final class ProgressBar: Sendable {
    static let width = 30
    /// Milliseconds from one drawing to the next at least.
    private static let every = Duration.milliseconds(100)

    private let drawn = Mutex<(at: ContinuousClock.Instant, isThere: Bool)>((.now - .seconds(1), false))
    private let isShown: Bool

    init(isShown: Bool = Terminal.errorIsTerminal) { self.isShown = isShown }

    func show(_ what: String, done: Int, of total: Int) {
        guard isShown else { return }
        let draws = drawn.withLock { state in
            guard ContinuousClock.now - state.at >= Self.every || done >= total else { return false }
            state = (.now, true)
            return true
        }
        if draws { Terminal.write("\r\u{1B}[K" + Self.line(what, done: done, of: total), to: .standardError) }
    }

    /// Such as `latency: processed ███████░░░░  512/1000`.
    static func line(_ what: String, done: Int, of total: Int) -> String {
        let share = total > 0 ? min(1, max(0, Double(done) / Double(total))) : 1
        let full = Int((share * Double(width)).rounded(.down))
        return what + " " + String(repeating: "█", count: full) + String(repeating: "░", count: width - full) + " \(done)/\(total)"
    }

    func clear() {
        guard isShown else { return }
        let wasThere = drawn.withLock { state in
            defer { state.isThere = false }
            return state.isThere
        }
        if wasThere { Terminal.write("\r\u{1B}[K", to: .standardError) }
    }
}
