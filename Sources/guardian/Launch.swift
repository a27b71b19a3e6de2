import Foundation
import GuardianPrivacy
import GuardianRuntime
import UnixSignals

/// What every command begins with: any of them may hold keys, tokens and payloads.
enum Launch {
    /// The environment as it was at the start. The process's own has no secrets any more.
    static let environment = ProcessInfo.processInfo.environment

    /// Names the argument, or the variable of ours, that is not UTF-8; nil when all are. Swift would put U+FFFD in the place of what it
    /// can't read, and say nothing. To be asked before ``keepSecrets()``, which wipes values.
    static func unreadableText() -> String? {
        for index in 1..<max(Int(CommandLine.argc), 1) {
            guard let argument = CommandLine.unsafeArgv[index] else { continue }
            if String(validatingCString: argument) == nil { return "argument \(index) is not valid UTF-8" }
        }
        for name in Settings.variables {
            guard let value = getenv(name) else { continue }
            if String(validatingCString: value) == nil { return "\(name) is not valid UTF-8" }
        }
        return nil
    }

    /// Lets no core file and no child have what this process knows.
    static func keepSecrets() {
        CoreDump.forbid()
        for name in Settings.secretVariables where environment[name] != nil { Wipe.environment(name) }
    }

    /// Takes the numbers 0 to 2 where whoever started us has closed them: a socket or a log with one of them would be written to as if it
    /// were standard output. Opened the wrong way round, so that using them still fails.
    static func occupyStandardDescriptors() {
        for (number, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)] {
            // The lowest free number is taken, and those below are.
            if fcntl(number, F_GETFD) < 0 { _ = open("/dev/null", mode) }
        }
    }

    /// What asks a process to end: SIGTERM, SIGINT, and SIGHUP where whoever started us does not want us to go on without a terminal
    /// (`nohup`).
    static func endings() async -> UnixSignalsSequence {
        let signals: [UnixSignal] = ignoresHangup ? [.sigterm, .sigint] : [.sigterm, .sigint, .sighup]
        return await UnixSignalsSequence(trapping: signals)
    }

    /// Ends the process when somebody asks it to, as the signal does by itself, but without the files that it has begun to write. Where
    /// the last is the directory that holds the others, another thread may make one of them again until it is gone too; so it has to be
    /// there before.
    static func end(on endings: UnixSignalsSequence, without parts: [String]) async {
        for await ending in endings {
            for _ in 0..<1000 {
                for part in parts { discard(part) }
                guard let last = parts.last, access(last, F_OK) == 0 else { break }
            }
            die(of: ending.rawValue)
        }
    }

    /// Removes a file or an empty directory, if it is there.
    static func discard(_ path: String) { if unlink(path) != 0 { rmdir(path) } }

    private static func die(of number: Int32) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, number)
        _ = signal(number, SIG_DFL)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        raise(number)
    }

    /// Returns when somebody asks the process to end, or the task is cancelled.
    static func wait(for endings: UnixSignalsSequence) async { for await _ in endings { return } }

    private static let ignoresHangup: Bool = {
        let before = signal(SIGHUP, SIG_IGN)
        let isIgnored = unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        if !isIgnored { _ = signal(SIGHUP, before) }
        return isIgnored
    }()
}
