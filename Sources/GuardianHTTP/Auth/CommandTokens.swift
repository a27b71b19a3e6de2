#if os(macOS) || os(Linux)
    public import GuardianCore
    import GuardianPrivacy

    #if canImport(Darwin)
        import Darwin
    #elseif canImport(Musl)
        import Musl
    #elseif canImport(Glibc)
        import Glibc
    #endif

    /// Tokens that a program prints: a credential helper, a cloud's command line tool, a script.
    ///
    /// The first line of its standard output is the token, or all of it is JSON: `{"token"|"access_token", "expires_in"?, "principal"?}`.
    /// It is run without a shell and with empty standard input. What it prints is never shown; of its standard error, at most 200
    /// characters with whatever looks like a token masked.
    public final class CommandTokens: TokenProvider, IssuingTokens {
        /// Milliseconds that the program may take; SIGTERM then, and SIGKILL 2 s later.
        public static let timeoutMs: Int64 = 30_000
        /// Bytes that it may print.
        public static let outputLimit = 64 << 10
        static let graceMs: Int64 = 2000

        /// The program, and its arguments.
        package let words: [String]
        private let keeper: TokenKeeper

        /// Throws when there is no program in `words`.
        public convenience init(
            _ words: [String], timeoutMs: Int64 = CommandTokens.timeoutMs, clock: any TimeSource = SystemClock()
        ) throws(HTTPConfigurationError) {
            try self.init(words, timeoutMs: timeoutMs, graceMs: Self.graceMs, clock: clock)
        }

        /// `line` is parted into words as in ``CommandWords``: no shell, nothing is expanded.
        public convenience init(
            line: String, timeoutMs: Int64 = CommandTokens.timeoutMs, clock: any TimeSource = SystemClock()
        ) throws(HTTPConfigurationError) {
            guard let words = CommandWords.split(line) else {
                throw HTTPConfigurationError(
                    key: "upstream.auth.command",
                    message: "must be a program and its arguments, every quote with its end (no shell is involved)")
            }
            try self.init(words, timeoutMs: timeoutMs, clock: clock)
        }

        init(_ words: [String], timeoutMs: Int64, graceMs: Int64, clock: any TimeSource) throws(HTTPConfigurationError) {
            guard let program = words.first, !program.isEmpty, !words.contains(where: { $0.utf8.contains(0) }) else {
                throw HTTPConfigurationError(key: "upstream.auth.command", message: "must begin with a program")
            }
            self.words = words
            let run = CommandRun(words: words, timeoutMs: timeoutMs, outputLimit: Self.outputLimit, graceMs: graceMs)
            keeper = TokenKeeper(Source(run: run), clock: clock)
        }

        public func token(refresh: Bool) async throws -> Token? { try await keeper.token(refresh: refresh) }

        public func loginChanged() { keeper.forget() }

        package func issued(replacing epoch: UInt64?) async throws(TokenError) -> IssuedToken { try await keeper.issued(replacing: epoch) }
    }

    extension CommandTokens {
        private struct Source: TokenSource {
            let run: CommandRun
            var patience: RetryPolicy? { RetryPolicy(baseMs: 1000, maxMs: 30_000) }

            func fetch(refused: Bool) async throws(TokenError) -> FetchedToken {
                let name = run.words[0]
                switch await run.run() {
                case .failure(let failure):
                    throw TokenError(.commandFailed, "\(name) can't be run: \(String(cString: strerror(failure.errno)))")
                case .success(let output):
                    switch output.end {
                    case .exited(0):
                        return try TokenDocument.read(output.standardOutput, from: name) { text in
                            let line = text.prefix { !$0.isNewline }
                            return String(line.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
                        }
                    case .exited(let code): throw TokenError(.commandFailed, "\(name) ended with \(code)" + complaint(output))
                    case .signalled(let signal):
                        throw TokenError(.commandFailed, "\(name) was ended by signal \(signal)" + complaint(output))
                    case .tooLate: throw TokenError(.timeout, "\(name) took longer than \(run.timeoutMs) ms" + complaint(output))
                    case .tooMuch: throw TokenError(.tooLarge, "\(name) printed more than \(run.outputLimit) bytes")
                    case .interrupted: throw TokenError(.interrupted, "\(name) was stopped")
                    }
                }
            }

            /// The beginning of standard error. Whatever the program has printed is masked in it.
            private func complaint(_ output: CommandRun.Output) -> String {
                var bytes = output.standardError
                // The last word may have been cut, and look harmless for it.
                if bytes.count >= CommandRun.errorLimit { bytes = Array(bytes[..<(bytes.lastIndex(of: UInt8(ascii: " ")) ?? 0)]) }
                let printed = String(decoding: output.standardOutput, as: UTF8.self)
                let words = printed.split { $0.isWhitespace || $0.isNewline || "\"{}:,".contains($0) }.prefix(1000).map(String.init)
                let text = SecretMask(known: words).masked(String(decoding: bytes, as: UTF8.self))
                return text.isEmpty ? "" : ": " + text
            }
        }
    }

    extension CommandTokens: CustomStringConvertible, CustomReflectable {
        /// Only the program: an argument may be a secret.
        public var description: String { "CommandTokens(\(words[0]))" }
        public var customMirror: Mirror { Mirror(self, children: ["program": words[0]]) }
    }
#endif
