#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Jobs that wait for a session: urgent ones first, each kind in the order in which it came.
final class JobQueue: @unchecked Sendable {
    // A lock and a condition of the operating system, for its waiters are threads; all below is touched under the lock.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let arrived: UnsafeMutablePointer<pthread_cond_t>
    private var urgent: [SessionPool.Job] = []
    private var normal: [SessionPool.Job] = []
    private var closed = false

    init() {
        lock = .allocate(capacity: 1)
        arrived = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        pthread_cond_init(arrived, nil)
    }

    deinit {
        pthread_cond_destroy(arrived)
        pthread_mutex_destroy(lock)
        arrived.deallocate()
        lock.deallocate()
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return body()
    }

    var isClosed: Bool { locked { closed } }

    /// False when nobody will take it any more.
    func put(_ job: SessionPool.Job) -> Bool {
        locked {
            guard !closed else { return false }
            if job.lane == .urgent { urgent.append(job) } else { normal.append(job) }
            pthread_cond_broadcast(arrived)
            return true
        }
    }

    /// A job that is to be done again goes first.
    func putBack(_ job: SessionPool.Job) -> Bool {
        locked {
            if job.lane == .urgent { urgent.insert(job, at: 0) } else { normal.insert(job, at: 0) }
            pthread_cond_broadcast(arrived)
            return true
        }
    }

    /// The next job; waits for one. nil when the queue is closed and empty.
    func take(urgentOnly: Bool) -> SessionPool.Job? {
        locked {
            while true {
                if !urgent.isEmpty { return urgent.removeFirst() }
                if !normal.isEmpty, !urgentOnly { return normal.removeFirst() }
                if closed { return nil }
                pthread_cond_wait(arrived, lock)
            }
        }
    }

    func close() {
        locked {
            closed = true
            pthread_cond_broadcast(arrived)
        }
    }
}
