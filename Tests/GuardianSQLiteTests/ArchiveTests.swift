import GuardianCore
import GuardianSQLite
import Testing

private let start = Timestamp(milliseconds: 1_800_000_000_000)

@Suite(.serialized) struct ArchiveTests {
    /// Updates of one entity, which fold into each other where they may.
    private func update(_ number: Int) throws -> GuardianCore.Operation {
        var random = Xoshiro256(seed: UInt64(number))
        var operation = try Admission().admit(
            NewOperation("update", entityType: "room", entityID: "r", payload: "{\"n\":\(number)}", id: "op-\(number)"), at: start,
            random: &random)
        operation.folds = true
        return operation
    }

    @Test("what was sent comes back from an archive as sent, once: it folds into nothing, and nothing folds into it")
    func comesBackAsSent() async throws {
        try await withStore { store, _ in
            _ = try await store.enqueue([try update(1)])
            var archived = try update(2)
            archived.lastAttemptAt = start.adding(milliseconds: -5)
            #expect(try await store.enqueueArchived(archived).outcome == .accepted)
            #expect(try await store.enqueueArchived(archived).outcome == .duplicate)
            #expect(try await store.enqueue([try update(3)])[0].outcome == .accepted)
            let stored = try await store.operation(.text("op-2"))
            #expect(stored?.lastAttemptAt == archived.lastAttemptAt && stored?.unknownAt == archived.lastAttemptAt)
            #expect(try await store.cancel(.text("op-2"), now: start) == .mayHaveApplied)
            #expect(try await store.check().problems == [])
        }
    }

    @Test("what was never sent comes back from an archive as that")
    func comesBackUnsent() async throws {
        try await withStore { store, _ in
            let receipt = try await store.enqueueArchived(try update(1))
            #expect(receipt.outcome == .accepted)
            #expect(try await store.operation(.text("op-1"))?.unknownAt == nil)
            #expect(try await store.cancel(.text("op-1"), now: start) == .neverSent)
        }
    }
}
