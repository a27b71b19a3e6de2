internal import GuardianCore
internal import Synchronization

extension PostgresStore {
    /// Goes on with a switch of user, page by page, on a session that takes ordinary jobs: results, heartbeats and what others enqueue go
    /// between. What is left when it breaks off, as when the process dies, is the next rescue's, whoever makes it.
    func goOnSigningIn(from place: SignInPlace) {
        let isFirst = memory.withLock { memory -> Bool in
            defer { memory.isSigningIn = true }
            return !memory.isSigningIn
        }
        if isFirst { movePage(from: place) }
    }

    private func movePage(from place: SignInPlace) {
        let deadline = Connection.nowMs() + configuration.patienceMs
        let job = SessionPool.Job(lane: .normal, deadline: deadline) { [self] connection in
            connection.patienceMs = 30_000
            var next: SignInPlace?
            do {
                next = try Write.run(on: connection) { try $0.goOnSigningIn(from: place) }
            } catch {
                if let failure = error as? ServerFailure, failure.isPooled { pool.stopPreparing() }
            }
            if let next { movePage(from: next) } else { endSigningIn() }
            return .done
        } fail: { [self] _ in
            endSigningIn()
        }
        pool.submit(job)
    }

    private func endSigningIn() { memory.withLock { $0.isSigningIn = false } }

    /// A switch of user is not finished: does the first page of what is left, and has the rest done.
    func finishSigningIn() async throws(StoreError) {
        guard memory.withLock({ !$0.isSigningIn }) else { return }
        let next = try await write(.urgent, isRepeatable: true) { try $0.goOnSigningIn(from: SignInPlace()) }
        if let next { goOnSigningIn(from: next) }
    }
}
