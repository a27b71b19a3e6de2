import GuardianCore
import Synchronization

/// Bulk jobs, one after the other.
final class BulkJobs: Sendable {
    /// Jobs that are remembered, and of those that may wait.
    static let most = 50
    static let mostWaiting = 10

    private let jobs = Mutex<(list: [BulkJob], last: Int)>(([], 0))
    private let (wakes, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let clock: any TimeSource

    init(clock: any TimeSource) { self.clock = clock }

    /// The youngest first.
    var all: [BulkJob] { jobs.withLock { $0.list.reversed() } }

    /// Queues a job. Returns its number; nil when too many wait.
    func add(_ kind: BulkJob.Kind, _ search: OperationSearch, total: Int64?, rate: Double, who: String, at now: Timestamp) -> Int? {
        let number = jobs.withLock { jobs -> Int? in
            guard jobs.list.count(where: { !$0.state.isOver }) < Self.mostWaiting else { return nil }
            jobs.last += 1
            jobs.list.append(BulkJob(number: jobs.last, kind: kind, search: search, total: total, rate: rate, who: who, startedAt: now))
            if jobs.list.count > Self.most, let over = jobs.list.firstIndex(where: \.state.isOver) { jobs.list.remove(at: over) }
            return jobs.last
        }
        waker.yield()
        return number
    }

    /// Asks a job to end after the step that it is in. False when it is over, or unknown.
    func stop(_ number: Int) -> Bool {
        jobs.withLock { jobs in
            guard let place = jobs.list.firstIndex(where: { $0.number == number && !$0.state.isOver }) else { return false }
            jobs.list[place].isStopAsked = true
            return true
        }
    }

    /// Works until cancelled. `ended` hears of every job that is over. One that the end of the process cuts short, or keeps from beginning,
    /// is stopped: nothing goes on by itself after a restart.
    func run(_ engine: SyncEngine, _ store: any Store, ended: @Sendable (BulkJob) -> Void) async throws {
        defer {
            for job in jobs.withLock({ $0.list.filter { !$0.state.isOver } }) { end(job.number, as: .stopped, ended) }
        }
        waker.yield()
        for await _ in wakes {
            while !Task.isCancelled, let job = jobs.withLock({ $0.list.first { $0.state == .waiting } }) {
                end(job.number, as: try await work(job, engine, store), ended)
            }
        }
    }

    private func end(_ number: Int, as state: BulkJob.State, _ ended: @Sendable (BulkJob) -> Void) {
        let now = clock.now.wall
        let over = change(number) {
            $0.state = state
            $0.endedAt = now
        }
        if let over { ended(over) }
    }

    @discardableResult
    private func change(_ number: Int, _ apply: (inout BulkJob) -> Void) -> BulkJob? {
        jobs.withLock { jobs in
            guard let place = jobs.list.firstIndex(where: { $0.number == number }) else { return nil }
            apply(&jobs.list[place])
            return jobs.list[place]
        }
    }

    /// Pages through the set in its order, so that what fails again meanwhile is not taken twice, and ends with as many as were confirmed.
    private func work(_ job: BulkJob, _ engine: SyncEngine, _ store: any Store) async throws -> BulkJob.State {
        change(job.number) { $0.state = .running }
        var search = job.search
        search.isNewestFirst = false
        search.includesPayload = false
        search.cursor = nil
        let start = clock.now.steady
        var seen: Int64 = 0
        while seen < job.most {
            search.limit = job.step(after: seen)
            if change(job.number, { _ in })?.isStopAsked == true { return .stopped }
            do throws(StoreError) {
                let page = try await store.search(search)
                try await perform(job, page.operations, engine, store)
                seen += Int64(page.operations.count)
                guard let next = page.next, seen < job.most else { return .done }
                search.cursor = next
            } catch {
                return .failed(error.description)
            }
            try await clock.wait(untilSteady: start + Int64(Double(seen) / job.rate * 1000))
        }
        return .done
    }

    private func perform(
        _ job: BulkJob, _ operations: [Operation], _ engine: SyncEngine, _ store: any Store
    ) async throws(StoreError) {
        guard !operations.isEmpty else { return }
        let now = clock.now.wall
        switch job.kind {
        case .retry:
            let done = try await store.retry(operations.map(\.id), now: now)
            change(job.number) {
                $0.seen += Int64(operations.count)
                $0.done += Int64(done)
            }
            if done > 0 { engine.wake() }
        case .cancel:
            for operation in operations {
                // One that somebody has put back since this page was read is no longer in a set of failed ones.
                let status = job.search.dependsOnState ? operation.status : nil
                let answer = try await store.cancel(operation.id, ifStill: status, now: now)
                change(job.number) {
                    $0.seen += 1
                    switch answer {
                    case .neverSent: $0.done += 1
                    case .mayHaveApplied:
                        $0.done += 1
                        $0.mayHaveApplied += 1
                    case .inFlight: $0.inFlight += 1
                    case .notFound: break
                    }
                }
            }
            engine.wake()
        }
    }
}
