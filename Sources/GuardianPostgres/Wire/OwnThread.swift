internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A thread that may wait for the network, which the threads of Swift's own pool must not.
final class OwnThread: Sendable {
    private final class Start {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// The thread's handle, as bits.
    private let handle = Mutex<pthread_t?>(nil)

    func start(_ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(body))
        handle.withLock { handle in
            #if canImport(Darwin)
                var made: pthread_t?
                let code = pthread_create(
                    &made, nil,
                    { argument in
                        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                        start.body()
                        return nil
                    }, start.toOpaque())
                if code == 0 { handle = made }
            #else
                var made = pthread_t()
                let code = pthread_create(
                    &made, nil,
                    { argument in
                        guard let argument else { return nil }
                        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                        start.body()
                        return nil
                    }, start.toOpaque())
                if code == 0 { handle = made }
            #endif
            if code != 0 { start.release() }
        }
    }

    /// Waits for its end.
    func join() {
        let thread = handle.withLock { handle in
            defer { handle = nil }
            return handle
        }
        if let thread { pthread_join(thread, nil) }
    }

    static func pause(milliseconds: Int64) { usleep(UInt32(clamping: milliseconds * 1000)) }
}
