#if os(macOS) || os(Linux)
    import Foundation
    import Synchronization

    #if canImport(Darwin)
        import Darwin
    #elseif canImport(Musl)
        import Musl
    #elseif canImport(Glibc)
        import Glibc
    #endif

    /// Runs one program to its end, on a thread of its own, with bounds on its time and its words.
    ///
    /// The program leads a process group of its own, so that what it has started is stopped with it. Its standard input is empty, and no
    /// signal is ignored or blocked in it, whatever the daemon does with its own.
    struct CommandRun: Sendable {
        enum End: Sendable, Equatable {
            case exited(Int32)
            case signalled(Int32)
            case tooLate
            case tooMuch
            case interrupted
        }

        struct Output: Sendable {
            var end: End
            var standardOutput: [UInt8]
            /// The beginning of it.
            var standardError: [UInt8]
        }

        struct NotStarted: Error { var errno: Int32 }

        let words: [String]
        let timeoutMs: Int64
        /// Bytes of standard output.
        let outputLimit: Int
        /// From SIGTERM to SIGKILL.
        let graceMs: Int64

        static let errorLimit = 4096
        /// How often the end of the program is looked for.
        private static let tickMs: Int32 = 10

        func run() async -> Result<Output, NotStarted> {
            let isCancelled = CancellationFlag()
            return await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    Thread.detachNewThread { continuation.resume(returning: runHere(isCancelled)) }
                }
            } onCancel: {
                isCancelled.raise()
            }
        }

        private func runHere(_ isCancelled: CancellationFlag) -> Result<Output, NotStarted> {
            guard let out = OutputPipe(), let err = OutputPipe() else { return .failure(NotStarted(errno: errno)) }
            defer {
                out.close()
                err.close()
            }
            let pid: pid_t
            do throws(NotStarted) { pid = try spawn(out, err) } catch { return .failure(error) }
            out.closeWriting()
            err.closeWriting()
            return .success(watch(pid, out, err, isCancelled))
        }

        private func watch(_ pid: pid_t, _ out: OutputPipe, _ err: OutputPipe, _ isCancelled: CancellationFlag) -> Output {
            let start = ContinuousClock.now
            var output = Output(end: .exited(0), standardOutput: [], standardError: [])
            var cut: End?
            var killAt: ContinuousClock.Instant?
            while true {
                Self.wait(cut == nil ? out : nil, err)
                if cut == nil { out.read(into: &output.standardOutput, limit: outputLimit + 1) }
                err.read(into: &output.standardError, limit: Self.errorLimit)
                if Self.hasEnded(pid) { break }
                let now = ContinuousClock.now
                if cut == nil {
                    if output.standardOutput.count > outputLimit { cut = .tooMuch }
                    if now - start > .milliseconds(timeoutMs) { cut = .tooLate }
                    if isCancelled.isRaised { cut = .interrupted }
                    if cut != nil {
                        kill(-pid, SIGTERM)
                        killAt = now + .milliseconds(graceMs)
                    }
                } else if let at = killAt, now > at {
                    kill(-pid, SIGKILL)
                    killAt = nil
                }
            }
            // Not collected yet, so that its number, and its group's, are still its own.
            if cut != nil { kill(-pid, SIGKILL) }
            let end = Self.collect(pid)
            out.read(into: &output.standardOutput, limit: outputLimit + 1)
            err.read(into: &output.standardError, limit: Self.errorLimit)
            output.end = cut ?? (output.standardOutput.count > outputLimit ? .tooMuch : end)
            return output
        }

        private func spawn(_ out: OutputPipe, _ err: OutputPipe) throws(NotStarted) -> pid_t {
            #if canImport(Darwin)
                var actions: posix_spawn_file_actions_t?
                var attributes: posix_spawnattr_t?
                let platformFlags = POSIX_SPAWN_CLOEXEC_DEFAULT
            #else
                var actions = posix_spawn_file_actions_t()
                var attributes = posix_spawnattr_t()
                let platformFlags: Int32 = 0
            #endif
            posix_spawn_file_actions_init(&actions)
            posix_spawnattr_init(&attributes)
            defer {
                posix_spawn_file_actions_destroy(&actions)
                posix_spawnattr_destroy(&attributes)
            }
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            posix_spawn_file_actions_adddup2(&actions, out.writing, 1)
            posix_spawn_file_actions_adddup2(&actions, err.writing, 2)
            // SwiftNIO's sockets stay open over exec: what the program leaves running would go on listening in our place.
            for file in Self.openFiles { posix_spawn_file_actions_addclose(&actions, file) }
            var (all, none) = (sigset_t(), sigset_t())
            sigfillset(&all)
            sigdelset(&all, SIGKILL)
            sigdelset(&all, SIGSTOP)
            sigemptyset(&none)
            posix_spawnattr_setsigdefault(&attributes, &all)
            posix_spawnattr_setsigmask(&attributes, &none)
            posix_spawnattr_setpgroup(&attributes, 0)
            let flags = Int32(POSIX_SPAWN_SETPGROUP) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(platformFlags)
            posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: flags))
            let arguments = words.map { strdup($0) } + [nil]
            let environment = ProcessInfo.processInfo.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
            defer { for text in arguments + environment { free(text) } }
            var pid: pid_t = 0
            let failure = posix_spawnp(&pid, words[0], &actions, &attributes, arguments, environment)
            guard failure == 0 else { throw NotStarted(errno: failure) }
            return pid
        }

        /// What a child would have of ours; closing one that is closed already is no error in it. None where the system keeps them from it.
        private static var openFiles: [Int32] {
            #if os(Linux)
                do {
                    return try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }.filter { $0 > 2 }
                } catch {
                    // Where /proc is not mounted: what a process may have open by default.
                    return Array(3..<1024)
                }
            #else
                return []
            #endif
        }

        /// Until there is something to read, or a tick has passed. What is not read any more must not keep waking us.
        private static func wait(_ pipes: OutputPipe?...) {
            var files = pipes.map { pipe in
                pollfd(fd: pipe.flatMap { $0.isDone ? nil : $0.reading } ?? -1, events: Int16(POLLIN), revents: 0)
            }
            _ = poll(&files, nfds_t(files.count), tickMs)
        }

        /// Whether the program has ended; leaves it to be collected.
        private static func hasEnded(_ pid: pid_t) -> Bool {
            var info = siginfo_t()
            let result = waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT)
            return result == 0 ? info.si_signo == SIGCHLD : errno != EINTR
        }

        private static func collect(_ pid: pid_t) -> End {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 {
                guard errno == EINTR else { return .signalled(0) }
            }
            return status & 0x7F == 0 ? .exited((status >> 8) & 0xFF) : .signalled(status & 0x7F)
        }
    }

    /// Whether the caller gave up.
    private final class CancellationFlag: Sendable {
        private let flag = Atomic(false)
        var isRaised: Bool { flag.load(ordering: .acquiring) }
        func raise() { flag.store(true, ordering: .releasing) }
    }
#endif
