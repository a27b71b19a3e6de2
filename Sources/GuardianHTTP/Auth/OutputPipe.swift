#if os(macOS) || os(Linux)
    #if canImport(Darwin)
        import Darwin
    #elseif canImport(Musl)
        import Musl
    #elseif canImport(Glibc)
        import Glibc
    #endif

    /// One direction from the program to us. Used by one thread only.
    final class OutputPipe {
        private(set) var reading: Int32
        private(set) var writing: Int32
        /// Nothing more is to be read from it.
        private(set) var isDone = false

        /// nil when there is none to be had (`errno`).
        init?() {
            var ends: [Int32] = [-1, -1]
            // A program that another thread starts right now may inherit an end: nobody waits for the stream's end, so that does no harm.
            guard pipe(&ends) == 0 else { return nil }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            (reading, writing) = (ends[0], ends[1])
            _ = fcntl(reading, F_SETFL, O_NONBLOCK)
        }

        /// Takes what is there. At the limit, what comes is thrown away.
        func read(into bytes: inout [UInt8], limit: Int) {
            var chunk = [UInt8](repeating: 0, count: 16 << 10)
            // Bounded, so that a program that never stops talking does not hold us here.
            for _ in 0..<16 where !isDone {
                let count = system_read(reading, &chunk, chunk.count)
                if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR { isDone = true }
                guard count > 0 else { return }
                bytes.append(contentsOf: chunk[..<min(count, max(0, limit - bytes.count))])
            }
        }

        func closeWriting() {
            if writing >= 0 { system_close(writing) }
            writing = -1
        }

        func close() {
            closeWriting()
            if reading >= 0 { system_close(reading) }
            reading = -1
        }
    }

    private func system_read(_ file: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int { read(file, bytes, count) }
    private func system_close(_ file: Int32) { _ = close(file) }
#endif
