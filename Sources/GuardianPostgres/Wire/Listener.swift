internal import GuardianCore
internal import Synchronization

/// Hears at once of what other processes enqueue (`LISTEN guardian`). What it misses, a poll finds.
final class Listener: Sendable {
    private let thread = OwnThread()
    private let isStopped = Atomic<Bool>(false)
    private let listening = Atomic<Bool>(false)

    /// Whether it hears now.
    var isListening: Bool { listening.load(ordering: .relaxed) }

    init(_ address: DatabaseAddress, applicationName: String, wake: @escaping @Sendable () -> Void) {
        guard !address.isPooled else { return }
        thread.start { [self] in
            var pauseMs: Int64 = 50
            while !isStopped.load(ordering: .relaxed) {
                do {
                    let connection = try Connection(address, prepares: false, applicationName: applicationName, timeoutMs: 10_000)
                    try connection.script("LISTEN guardian")
                    pauseMs = 50
                    listening.store(true, ordering: .relaxed)
                    // Something may have come while nobody listened.
                    wake()
                    while !isStopped.load(ordering: .relaxed) { if try connection.awaitNotification(forMs: 250) { wake() } }
                } catch {
                    // Told by whoever needs the store; here it is tried again.
                    listening.store(false, ordering: .relaxed)
                    OwnThread.pause(milliseconds: pauseMs)
                    pauseMs = min(pauseMs * 2, 2000)
                }
            }
            listening.store(false, ordering: .relaxed)
        }
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        thread.join()
    }
}
