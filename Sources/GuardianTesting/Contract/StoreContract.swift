public import GuardianCore

/// What every store must do: one list of checks, run on each kind of store.
///
/// A store differs only by its factory. Each check gets an empty store in `ordering: entity`.
public struct StoreContract: Sendable {
    /// A promise that was not kept.
    public struct Violation: Error, CustomStringConvertible {
        public var description: String
    }

    /// One promise, and the code that tries it.
    public struct Check: Sendable, CustomStringConvertible {
        /// The promise, in words; no two checks have the same.
        public var name: String
        let run: @Sendable (StoreContract) async throws -> Void
        public var description: String { name }
    }

    /// The store under test.
    public let store: any Store
    /// Tells the store that the process of an owner is dead, as the operating system does; nil where it can't know.
    let processDied: (@Sendable (String) -> Void)?
    /// The wall-clock time at which every check begins.
    public static let start = Timestamp(milliseconds: 1_800_000_000_000)

    /// Without `processDied` the checks that need it pass without trying anything.
    public init(store: any Store, processDied: (@Sendable (String) -> Void)? = nil) {
        self.store = store
        self.processDied = processDied
    }

    /// All checks.
    public static let checks: [Check] =
        enqueueChecks + claimChecks + settleChecks + lockChecks + repairChecks + explainChecks
        + optimisticChecks + coalesceChecks + aliasChecks + searchChecks + feedChecks + tallyChecks

    /// Runs one check; throws a ``Violation`` or what the store threw.
    public func run(_ check: Check) async throws {
        try await check.run(self)
        let report = try await store.check()
        try expect(report.gap, 0, "the gap in the books")
        try expect(report.problems, [], "problems found by check")
    }

    // MARK: Words of the checks

    func expect<Value: Equatable>(_ found: Value, _ wanted: Value, _ what: String) throws {
        guard found == wanted else { throw Violation(description: "\(what): \(found), not \(wanted)") }
    }

    /// Operations with the given entities, ids `entity-index`, enqueued now.
    @discardableResult
    func enqueue(_ entities: [String], from first: Int = 0, _ change: (inout Operation) -> Void = { _ in }) async throws -> [Receipt] {
        try await store.enqueue(Self.operations(entities, from: first, change))
    }

    static func operations(_ entities: [String], from first: Int = 0, _ change: (inout Operation) -> Void = { _ in }) -> [Operation] {
        var random = Xoshiro256(seed: UInt64(first))
        return entities.enumerated().map { index, entity in
            var operation = Operation(
                id: .text("\(entity)-\(first + index)"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update",
                entity: EntityKey(type: "room", id: entity), payload: "{\"n\":\(first + index)}", enqueuedAt: start)
            change(&operation)
            return operation
        }
    }

    func acquire(_ owner: String = "a", after milliseconds: Int64 = 0) async throws -> Fence {
        let answer = try await store.acquireLock(owner: owner, now: Self.start.adding(milliseconds: milliseconds), staleAfterMs: 1000)
        guard case .acquired(let fence, _, _) = answer else { throw Violation(description: "the lock was not acquired: \(answer)") }
        return fence
    }

    func claim(_ fence: Fence, _ count: Int = 100, after milliseconds: Int64 = 0) async throws -> [Claim] {
        try await exchange(fence, count, after: milliseconds).claims
    }

    func exchange(_ fence: Fence, _ count: Int = 100, after milliseconds: Int64 = 0) async throws -> ExchangeResult {
        try await store.exchange(
            Exchange(fence: fence, now: Self.start.adding(milliseconds: milliseconds), urgent: count, normal: count))
    }

    @discardableResult
    func settle(_ claims: [Claim], _ result: Settlement.Result, _ fence: Fence, after milliseconds: Int64 = 0) async throws -> [Bool] {
        let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: result) }
        let now = Self.start.adding(milliseconds: milliseconds)
        return try await store.exchange(Exchange(fence: fence, now: now, settlements: settlements)).settled
    }

    func retryLater(_ milliseconds: Int64, charged: Bool = true) -> Settlement.Result {
        .retry(
            due: Self.start.adding(milliseconds: milliseconds), backoffMs: milliseconds,
            error: LastError(class: .transient, code: "HTTP_500", httpStatus: 500, message: "no"), charged: charged, failureMark: 7)
    }

    static let failure = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "never")

    func expectStale(_ what: String, _ call: () async throws(StoreError) -> Void) async throws {
        do throws(StoreError) {
            try await call()
        } catch {
            guard error == .stale else { throw error }
            return
        }
        throw Violation(description: "\(what) with a stale fence was taken")
    }

    func names(_ claims: [Claim]) -> [String] { claims.map(\.operation.id.description) }
}
