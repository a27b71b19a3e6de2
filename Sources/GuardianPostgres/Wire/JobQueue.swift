#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Jobs that wait for a session: urgent ones first, long ones last, each kind in the order in which it came, and none longer than until its
/// deadline.
final class JobQueue: @unchecked Sendable {
    // A lock and conditions of the operating system, for their waiters are threads; all below is touched under the lock.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let arrived: UnsafeMutablePointer<pthread_cond_t>
    /// For the one that watches deadlines: there is an earlier one, or nothing more to watch.
    private let due: UnsafeMutablePointer<pthread_cond_t>
    /// By lane.
    private var waiting: [[SessionPool.Job]] = SessionPool.Lane.allCases.map { _ in [] }
    /// The deadline that is watched, in steady milliseconds.
    private var watched = Int64.max
    private var closed = false

    init() {
        lock = .allocate(capacity: 1)
        arrived = .allocate(capacity: 1)
        due = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        pthread_cond_init(arrived, nil)
        #if canImport(Darwin)
            pthread_cond_init(due, nil)
        #else
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            pthread_cond_init(due, &attributes)
            pthread_condattr_destroy(&attributes)
        #endif
    }

    deinit {
        pthread_cond_destroy(due)
        pthread_cond_destroy(arrived)
        pthread_mutex_destroy(lock)
        due.deallocate()
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
            waiting[job.lane.rawValue].append(job)
            announce(job)
            return true
        }
    }

    /// A job that is to be done again goes first.
    func putBack(_ job: SessionPool.Job) -> Bool {
        locked {
            waiting[job.lane.rawValue].insert(job, at: 0)
            announce(job)
            return true
        }
    }

    private func announce(_ job: SessionPool.Job) {
        pthread_cond_broadcast(arrived)
        if job.deadline < watched { pthread_cond_signal(due) }
    }

    /// The next job of those lanes; waits for one. nil when the queue is closed and has none.
    func take(upTo last: SessionPool.Lane) -> SessionPool.Job? {
        locked {
            while true {
                for lane in 0...last.rawValue where !waiting[lane].isEmpty { return waiting[lane].removeFirst() }
                if closed {
                    pthread_cond_signal(due)
                    return nil
                }
                pthread_cond_wait(arrived, lock)
            }
        }
    }

    /// Takes out those whose time was up before a session was free; waits for the next one. nil when the queue is closed and empty.
    func takeOverdue() -> [SessionPool.Job]? {
        locked {
            while true {
                let now = Connection.nowMs()
                let overdue = waiting.joined().filter { $0.deadline <= now }
                if !overdue.isEmpty {
                    for lane in waiting.indices { waiting[lane].removeAll { $0.deadline <= now } }
                    return overdue
                }
                if closed, waiting.allSatisfy(\.isEmpty) { return nil }
                watched = waiting.joined().map(\.deadline).min() ?? .max
                wait(until: watched)
            }
        }
    }

    /// Waits for a signal on `due`, with the lock let go meanwhile, until a steady time at most.
    private func wait(until end: Int64) {
        guard end < .max else {
            pthread_cond_wait(due, lock)
            return
        }
        #if canImport(Darwin)
            let left = max(0, end - Connection.nowMs())
            var time = timespec(tv_sec: Int(left / 1000), tv_nsec: Int(left % 1000) * 1_000_000)
            pthread_cond_timedwait_relative_np(due, lock, &time)
        #else
            var time = timespec(tv_sec: Int(end / 1000), tv_nsec: Int(end % 1000) * 1_000_000)
            pthread_cond_timedwait(due, lock, &time)
        #endif
    }

    func close() {
        locked {
            closed = true
            pthread_cond_broadcast(arrived)
            pthread_cond_signal(due)
        }
    }
}
