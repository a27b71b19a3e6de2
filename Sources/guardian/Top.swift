import ArgumentParser
import Foundation
import GuardianCore
import GuardianRuntime
import GuardianSQLite
import UnixSignals

struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch the queue live: counts, rates, breaker, lock, the last failures.",
        discussion: """
            Reads the store, so it works beside a running sidecar and without one. Ends with q or Ctrl-C.
            Without a terminal it prints one frame every interval; --once prints one and ends.
            Example: guardian top --data-dir ./guardian-data --interval 0.5
            """)
    @OptionGroup var options: StoreOptions
    @Option(help: "Seconds between two looks, 0.1 to 3600.") var interval = 1.0
    @Flag(help: "Print one frame and end.") var once = false

    func run() async throws {
        guard (0.1...3600).contains(interval) else { throw Failure(.usage, "--interval: must be between 0.1 and 3600 seconds") }
        let store = try await options.existingStore()
        var last: TopFrame?
        if once || options.json || isatty(1) == 0 {
            repeat {
                let frame = try await TopFrame(store, since: last)
                if options.json {
                    Terminal.say(frame.json.text)
                } else {
                    for line in frame.lines(width: 100, height: 40, isColored: false) { Terminal.say(line) }
                }
                last = frame
                if !once { try await Task.sleep(for: .seconds(interval)) }
            } while !once
            return
        }
        let screen = Screen()
        screen.open()
        defer { screen.close() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return } }
            group.addTask { await screen.waitForQuit() }
            group.addTask { [interval] in
                var last: TopFrame?
                while !Task.isCancelled {
                    let frame = try await TopFrame(store, since: last)
                    last = frame
                    let size = Terminal.size
                    screen.show(frame.lines(width: size.width, height: size.height, isColored: Terminal.takesColor))
                    do { try await Task.sleep(for: .seconds(interval)) } catch { return }
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }
}

/// A terminal in which one screen is drawn over and over.
final class Screen: Sendable {
    private let before: termios

    init() {
        var mode = termios()
        tcgetattr(0, &mode)
        before = mode
    }

    /// Takes the alternate screen, hides the cursor, and reads keys as they are pressed.
    func open() {
        var mode = before
        mode.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(0, TCSANOW, &mode)
        Terminal.write("\u{1B}[?1049h\u{1B}[?25l", to: .standardOutput)
    }

    func close() {
        Terminal.write("\u{1B}[?25h\u{1B}[?1049l", to: .standardOutput)
        var mode = before
        tcsetattr(0, TCSANOW, &mode)
    }

    func show(_ lines: [String]) {
        Terminal.write("\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J", to: .standardOutput)
    }

    /// Returns when somebody presses q.
    func waitForQuit() async {
        while !Task.isCancelled {
            var waiting = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
            if poll(&waiting, 1, 0) > 0 {
                var key: UInt8 = 0
                guard read(0, &key, 1) == 1 else { return }
                if key == UInt8(ascii: "q") || key == UInt8(ascii: "Q") { return }
            }
            do { try await Task.sleep(for: .milliseconds(100)) } catch { return }
        }
    }
}
