internal import GuardianCore
internal import Synchronization

/// A few sessions, each with a thread of its own that does one job after the other.
///
/// The first session takes only urgent jobs (claims, settlements, heartbeats), so that they never wait behind a long look. A session that
/// was lost is made again, with a growing pause between the tries, while its jobs wait: each until its own deadline.
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

    enum Lane { case urgent, normal }

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
    /// False once the server has shown that it knows nothing of prepared statements, or the address says so.
    private let prepares: Atomic<Bool>
    private let connected = Atomic<Int>(0)

    init(_ address: DatabaseAddress, policy: Policy) {
        self.address = address
        self.policy = policy
        let prepares = !address.isPooled
        self.prepares = Atomic(prepares)
        threads = (0..<max(2, policy.size)).map { _ in OwnThread() }
        for (number, thread) in threads.enumerated() { thread.start { [self] in serve(urgentOnly: number == 0) } }
    }

    /// How many sessions are open now.
    var openSessions: Int { connected.load(ordering: .relaxed) }

    /// Ends the sessions after the jobs that wait.
    func close() {
        queue.close()
        for thread in threads { thread.join() }
    }

    /// Runs `body` on a session. A transaction that others made fail is repeated; one whose end is unknown because the connection was lost
    /// only when `isRepeatable` says that twice is as good as once, or nothing was committed.
    func with<Value: Sendable>(
        _ lane: Lane = .normal, isRepeatable: Bool = false, patienceMs: Int32 = 30_000,
        _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws(StoreError) -> Value {
        let deadline = Connection.nowMs() + policy.patienceMs
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

    private func serve(urgentOnly: Bool) {
        var session: Connection?
        while let job = queue.take(urgentOnly: urgentOnly) {
            guard let open = session ?? connect(for: job) else { continue }
            session = open
            if job.run(open) == .again, !queue.putBack(job) { job.fail(.lost("the store is closed")) }
            if open.isBroken || open.prepares != prepares.load(ordering: .relaxed) {
                session = nil
                connected.subtract(1, ordering: .relaxed)
            }
        }
        if session != nil { connected.subtract(1, ordering: .relaxed) }
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
                return made
            } catch {
                let failure = error as? ServerFailure ?? .lost("\(type(of: error))")
                guard Connection.nowMs() + pauseMs < job.deadline, !queue.isClosed else {
                    job.fail(failure)
                    return nil
                }
                // Not in step with the other sessions, nor with other processes.
                OwnThread.pause(milliseconds: pauseMs / 2 + Int64.random(in: 0...pauseMs))
                pauseMs = min(pauseMs * 2, 1000)
            }
        }
    }
}
