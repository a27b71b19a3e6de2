import Foundation
import GuardianCore
import GuardianSQLite
import GuardianTesting
import Testing

/// What shows that a processor is alive, and goes when it has ended.
@Suite(.serialized) struct PresenceTests {
    private func files(_ path: String) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: path + "-processors"))
    }

    /// Descriptors of this process for such files; 0 where the system does not tell.
    private func descriptors(_ path: String) throws -> Int {
        #if os(Linux)
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().lastPathComponent + "/guardian.sqlite-processors/"
            var count = 0
            for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
                do {
                    let target = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)
                    if target.contains(folder) { count += 1 }
                } catch {}
            }
            return count
        #else
            return 0
        #endif
    }

    private func acquire(_ store: SQLiteStore, _ owner: String) async throws -> Fence? {
        let answer = try await store.acquireLock(owner: owner, now: SystemClock().now.wall, staleAfterMs: 120_000)
        guard case .acquired(let fence, _, _) = answer else { return nil }
        return fence
    }

    @Test("a run that only stood by leaves no file and no descriptor behind, however often it comes and goes")
    func standsBy() async throws {
        try await withStore { store, path in
            let holder = try await acquire(store, "holder")
            let fence = try #require(holder)
            let before = try descriptors(path)
            for _ in 0..<50 {
                let engine = SyncEngine(store: store, transport: ScriptedTransport())
                let run = Task { try await engine.run() }
                // It asks for the lock before it hears of the drain.
                while !engine.drain() { await Task.yield() }
                try await run.value
            }
            let left = try files(path)
            #expect(left == ["holder"])
            let after = try descriptors(path)
            #expect(after == before)
            try await store.releaseLock(fence)
            let last = try files(path)
            #expect(last.isEmpty)
        }
    }

    @Test("who leaves with the lock in its name is known to have gone, here and in other processes, and its file goes with the lock")
    func leavesTheLock() async throws {
        try await withStore { store, path in
            let other = try SQLiteStore.open(.init(path: path))
            for (round, next) in [store, other].enumerated() {
                let taken = try await acquire(store, "first \(round)")
                #expect(taken != nil)
                try await store.leave(owner: "first \(round)")
                let successor = try await acquire(next, "next \(round)")
                let fence = try #require(successor)
                let shown = try files(path)
                #expect(shown == ["next \(round)"])
                try await next.releaseLock(fence)
            }
            let last = try files(path)
            #expect(last.isEmpty)
            try other.close()
        }
    }

    private func enqueueOne(_ store: SQLiteStore) async throws {
        var random = Xoshiro256(seed: 1)
        let new = NewOperation("update", entityType: "room", entityID: "r", payload: "{}", id: "one")
        _ = try await store.enqueue([try Admission().admit(new, at: SystemClock().now.wall, random: &random)])
    }

    private func claim(_ store: SQLiteStore, _ fence: Fence) async throws -> Claim? {
        try await store.exchange(Exchange(fence: fence, now: SystemClock().now.wall, urgent: 0, normal: 5)).claims.first
    }

    @Test("who leaves with claims has not crashed, also for another process that takes over; who comes back and dies has")
    func leavesNoSuspect() async throws {
        try await withStore { store, path in
            // As another process: it shares nothing with the first store but the files.
            let other = try SQLiteStore.open(.init(path: path))
            try await enqueueOne(store)
            let taken = try await acquire(store, "first")
            _ = try await claim(store, try #require(taken))
            try await store.leave(owner: "first")
            let successor = try await acquire(other, "next")
            let returned = try await claim(other, try #require(successor))
            #expect(try #require(returned).operation.crashes == 0)

            try await other.leave(owner: "next")
            let again = try await acquire(other, "next")
            let held = try await claim(other, try #require(again))
            #expect(try #require(held).operation.crashes == 0)
            other.processDied(owner: "next")
            let last = try await acquire(store, "last")
            let fence = try #require(last)
            let suspect = try await claim(store, fence)
            #expect(try #require(suspect).operation.crashes == 1)
            try await store.releaseLock(fence)
            try other.close()
        }
    }

    @Test("a store that is lined up anew after its processor has left takes nothing for a crash")
    func linesUpAnew() async throws {
        try await withStore { store, path in
            try await enqueueOne(store)
            let taken = try await acquire(store, "first")
            _ = try await claim(store, try #require(taken))
            try await store.leave(owner: "first")
            var configuration = SQLiteStore.Configuration(path: path)
            configuration.ordering = .strict
            let other = try SQLiteStore.open(configuration)
            let successor = try await acquire(other, "next")
            let fence = try #require(successor)
            let returned = try await claim(other, fence)
            #expect(try #require(returned).operation.crashes == 0)
            try await other.releaseLock(fence)
            try other.close()
        }
    }

    @Test("who has lost the lock leaves no file behind, and the new holder's alone")
    func leavesAfterALoss() async throws {
        try await withStore { store, path in
            let taken = try await acquire(store, "first")
            #expect(taken != nil)
            _ = try await store.forceReleaseLock()
            let successor = try await acquire(store, "next")
            let fence = try #require(successor)
            try await store.leave(owner: "first")
            let shown = try files(path)
            #expect(shown == ["next"])
            try await store.renewLock(fence, now: SystemClock().now.wall)
            try await store.releaseLock(fence)
        }
    }

    @Test("who was taken from while it was frozen shows itself again when it asks, so that its death is known later")
    func showsItselfAgain() async throws {
        try await withStore { store, path in
            let other = try SQLiteStore.open(.init(path: path))
            let now = SystemClock().now.wall
            let frozen = try await acquire(store, "frozen")
            #expect(frozen != nil)
            let late = now.adding(milliseconds: 600_000)
            guard case .acquired(let fence, _, _) = try await other.acquireLock(owner: "next", now: late, staleAfterMs: 120_000) else {
                Issue.record("a stale lock was not taken over")
                return
            }
            let without = try files(path)
            #expect(without == ["next"])
            guard case .heldBy = try await store.acquireLock(owner: "frozen", now: late, staleAfterMs: 120_000) else {
                Issue.record("there are two holders")
                return
            }
            let with = try files(path)
            #expect(with == ["next", "frozen"])
            try await other.releaseLock(fence)
            guard case .acquired = try await store.acquireLock(owner: "frozen", now: late, staleAfterMs: 120_000) else {
                Issue.record("nobody else has the lock")
                return
            }
            store.processDied(owner: "frozen")
            guard case .acquired(let last, _, _) = try await other.acquireLock(owner: "last", now: late, staleAfterMs: 120_000) else {
                Issue.record("its death is not known")
                return
            }
            try await other.releaseLock(last)
            try other.close()
        }
    }

    @Test("a heartbeat makes a file anew that was removed by hand")
    func heartbeat() async throws {
        try await withStore { store, path in
            let taken = try await acquire(store, "holder")
            let fence = try #require(taken)
            try FileManager.default.removeItem(atPath: path + "-processors/holder")
            try await store.renewLock(fence, now: SystemClock().now.wall)
            let shown = try files(path)
            #expect(shown == ["holder"])
            try await store.releaseLock(fence)
        }
    }

    @Test("whoever takes the lock removes the files that nobody holds, and no others")
    func sweeps() async throws {
        try await withStore { store, path in
            let other = try SQLiteStore.open(.init(path: path))
            let first = try await acquire(store, "first")
            let held = try #require(first)
            let refused = try await acquire(other, "standby")
            #expect(refused == nil)
            // As killed processes leave them.
            for number in 0..<5 { try Data().write(to: URL(fileURLWithPath: path + "-processors/killed-\(number)")) }
            try await store.releaseLock(held)
            let second = try await acquire(store, "second")
            let fence = try #require(second)
            let shown = try files(path)
            #expect(shown == ["second", "standby"])
            try await store.releaseLock(fence)
            try other.close()
        }
    }

    @Test("a store that is closed lets go for who stood by; who has the lock stays alive")
    func closes() async throws {
        try await withStore { store, path in
            let taken = try await acquire(store, "holder")
            let fence = try #require(taken)
            let before = try descriptors(path)
            let other = try SQLiteStore.open(.init(path: path))
            let refused = try await acquire(other, "standby")
            #expect(refused == nil)
            try other.close()
            let left = try files(path)
            #expect(left == ["holder"])
            let after = try descriptors(path)
            #expect(after == before)

            try await store.releaseLock(fence)
            let closing = try SQLiteStore.open(.init(path: path))
            let kept = try await acquire(closing, "closing")
            #expect(kept != nil)
            try closing.close()
            let waits = try await acquire(store, "next")
            #expect(waits == nil)
        }
    }
}
