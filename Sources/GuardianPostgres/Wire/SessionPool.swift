internal import GuardianCore
internal import Synchronization

/// A few sessions, each with a thread of its own that does one job after the other.
///
/// The first session takes only urgent jobs (claims, settlements, heartbeats), so that they never wait behind a long look, and of three or
/// more the second takes no long ones, so that an enqueue does not either. A session that was lost is made again, with a growing pause
/// between the tries, while its jobs wait: each until its own deadline, and so where all sessions are busy.
final class SessionPool: Sendable {
    struct Policy: Sendable {
        /// Connections; the first is for urgent jobs.
        var size = 4
        /// Milliseconds that a job may wait for the database.
        var patienceMs: Int64 = 10_000
        var connectTimeoutMs: Int32 = 10_000
        /// Times that a transaction is repeated which the server rolled back because of others.
        var repetitions = 20
        var applicationName = "guardian"
    }

    /// Before whom a job goes. A long one may take as long as there is to look through.
    enum Lane: Int, CaseIterable { case urgent, normal, long }

    /// What became of a job on one session.
    enum End { case done, again }

    /// One job: runs on a session, or hears why it did not.
    final class Job: @unchecked Sendable {
        // Handed from the caller to one thread at a time, by the queue.
        let lane: Lane
        let deadline: Int64
        let run: (Connection) -> End
        let fail: (ServerFailure) -> Void

        init(lane: Lane, deadline: Int64, run: @escaping (Connection) -> End, fail: @escaping (ServerFailure) -> Void) {
            self.lane = lane
            self.deadline = deadline
            self.run = run
            self.fail = fail
        }
    }

    let address: DatabaseAddress
    let policy: Policy
    private let queue = JobQueue()
    private let threads: [OwnThread]
    /// Watches deadlines.
    private let watcher = OwnThread()
    /// Why the last try to make a session failed; nil when it did not.
    private let trouble = Mutex<ServerFailure?>(nil)
    /// False once the server has shown that it knows nothing of prepared statements, or the address says so.
    private let prepares: Atomic<Bool>
    private let connected = Atomic<Int>(0)

    init(_ address: DatabaseAddress, policy: Policy) {
        self.address = address
        self.policy = policy
        let prepares = !address.isPooled
        self.prepares = Atomic(prepares)
        threads = (0..<max(2, policy.size)).map { _ in OwnThread() }
        for (number, thread) in threads.enumerated() {
            let last: Lane = number == 0 ? .urgent : number == 1 && threads.count > 2 ? .normal : .long
            thread.start { [self] in serve(upTo: last) }
        }
        watcher.start { [self] in failOverdue() }
    }

    /// How many sessions are open now.
    var openSessions: Int { connected.load(ordering: .relaxed) }

    /// Ends the sessions after the jobs that wait.
    func close() {
        queue.close()
        for thread in threads { thread.join() }
        watcher.join()
    }

    var isClosed: Bool { queue.isClosed }

    /// Runs `body` on a session. A transaction that others made fail is repeated; one whose end is unknown because the connection was lost
    /// only when `isRepeatable` says that twice is as good as once, or nothing was committed. It waits `waitMs` for a session, and never
    /// longer than the pool's patience.
    func with<Value: Sendable>(
        _ lane: Lane = .normal, isRepeatable: Bool = false, patienceMs: Int32 = 30_000, waitMs: Int64 = .max,
        _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws(StoreError) -> Value {
        let deadline = Connection.nowMs() + min(policy.patienceMs, waitMs)
        let result: Result<Value, StoreError> = await withUnsafeContinuation { continuation in
            let left = Mutex(policy.repetitions)
            let job = Job(lane: lane, deadline: deadline) { [self] connection in
                connection.patienceMs = patienceMs
                do {
                    continuation.resume(returning: .success(try body(connection)))
                    return .done
                } catch let failure as ServerFailure {
                    let isSafe = failure.isLost ? isRepeatable || !connection.mayHaveCommitted : failure.mayRepeat
                    if failure.isPooled { prepares.store(false, ordering: .relaxed) }
                    let hasTime =
                        Connection.nowMs() < deadline
                        && left.withLock {
                            $0 -= 1; return $0 >= 0
                        }
                    if isSafe, hasTime { return .again }
                    continuation.resume(returning: .failure(masked(failure).storeError))
                } catch let error as StoreError {
                    continuation.resume(returning: .failure(error))
                } catch {
                    continuation.resume(returning: .failure(.unavailable("\(type(of: error))")))
                }
                return .done
            } fail: { [self] failure in
                continuation.resume(returning: .failure(masked(failure).storeError))
            }
            submit(job)
        }
        return try result.get()
    }

    func submit(_ job: Job) { if !queue.put(job) { job.fail(.lost("the store is closed")) } }

    /// What a caller hears of a failure.
    func storeError(_ failure: ServerFailure) -> StoreError { masked(failure).storeError }

    /// Somebody between us and the server does not keep prepared statements.
    func stopPreparing() { prepares.store(false, ordering: .relaxed) }

    private func masked(_ failure: ServerFailure) -> ServerFailure {
        var failure = failure
        failure.message = address.masking(failure.message)
        return failure
    }

    // MARK: On the threads

    private func serve(upTo last: Lane) {
        var session: Connection?
        while let job = queue.take(upTo: last) {
            var pauseMs: Int64 = 0
            while let open = session ?? connect(for: job) {
                session = open
                let end = job.run(open)
                if open.isBroken || open.prepares != prepares.load(ordering: .relaxed) {
                    session = nil
                    connected.subtract(1, ordering: .relaxed)
                }
                guard end == .again else { break }
                guard open.isBroken else {
                    if !queue.putBack(job) { job.fail(.lost("the store is closed")) }
                    break
                }
                // What ended the session may go on for a while.
                Self.pause(&pauseMs, until: job.deadline)
            }
        }
        if session != nil { connected.subtract(1, ordering: .relaxed) }
    }

    /// Tells jobs that no session was free for them in time.
    private func failOverdue() {
        while let overdue = queue.takeOverdue() {
            let busy = ServerFailure.lost("all connections to the database were busy; `pool=` in its URL allows more")
            let failure = trouble.withLock { $0 } ?? busy
            for job in overdue { job.fail(failure) }
        }
    }

    /// Waits before the next try, each time longer, and not in step with the other sessions, nor with other processes.
    private static func pause(_ pauseMs: inout Int64, until deadline: Int64) {
        let wanted = pauseMs / 2 + Int64.random(in: 0...pauseMs)
        OwnThread.pause(milliseconds: max(0, min(wanted, deadline - Connection.nowMs())))
        pauseMs = min(max(pauseMs * 2, 25), 1000)
    }

    /// A new session; nil when the job's time was up, which it has been told then.
    private func connect(for job: Job) -> Connection? {
        var pauseMs: Int64 = 25
        while true {
            do {
                let made = try Connection(
                    address, prepares: prepares.load(ordering: .relaxed), applicationName: policy.applicationName,
                    timeoutMs: Int32(clamping: max(500, min(Int64(policy.connectTimeoutMs), job.deadline - Connection.nowMs()))))
                connected.add(1, ordering: .relaxed)
                trouble.withLock { $0 = nil }
                return made
            } catch {
                let failure = error as? ServerFailure ?? .lost("\(type(of: error))")
                trouble.withLock { $0 = failure }
                guard Connection.nowMs() + pauseMs < job.deadline, !queue.isClosed else {
                    job.fail(failure)
                    return nil
                }
                Self.pause(&pauseMs, until: job.deadline)
            }
        }
    }
}
