import Foundation
import GuardianCore
import GuardianLoad
import Synchronization
import Testing

/// Each suite of `guardian loadtest` over real HTTP and a real store: green when all is well, red when what it checks is broken.
///
/// What is green by this process's memory is shown on the binary (`LoadTestTests`): other tests share this one.
@Suite(.serialized) struct SuiteTests {
    /// Runs a suite in a world of its own; `change` may break it.
    private func run(
        _ suite: LoadOptions.Suite, operations: Int, options: (inout LoadOptions) -> Void = { _ in },
        opened: @escaping @Sendable (any Store, Int) async throws -> Void = { _, _ in },
        breaking change: (inout LoadWorld) -> Void = { _ in }
    ) async -> SuiteResult {
        let place = TestWorld()
        defer { place.remove() }
        var world = place.world(opened: opened)
        change(&world)
        var chosen = LoadOptions()
        chosen.operations = operations
        chosen.latencyMs = 10
        options(&chosen)
        return await LoadTest(world: world, options: chosen).run(suite)
    }

    private func expectGreen(_ result: SuiteResult) {
        for check in result.checks { #expect(check.holds, "\(result.name): \(check.name): \(check.detail)") }
        let hasFigures = !result.figures.isEmpty
        #expect(hasFigures, "\(result.name) has no figures")
    }

    /// Red, and by the check that a person would look at.
    private func expectRed(_ result: SuiteResult, by name: String) {
        let failed = result.checks.filter { !$0.holds }.map { "\($0.name): \($0.detail)" }
        print("measured: \(result.name) is red: \(failed.joined(separator: "; "))")
        let isFound = failed.contains { $0.contains(name) }
        #expect(isFound, "\(failed)")
    }

    /// What a stall has kept workers from asking is in its latencies.
    private func expectCorrected(_ result: SuiteResult) {
        let names = result.figures.map(\.name)
        #expect(names.contains("attempt p99, corrected"), "\(names)")
        let curve = result.latencies.first { $0.name == "attempt" }?.corrected ?? []
        #expect(!curve.isEmpty)
    }

    @Test("enqueue: green; red when an acknowledged operation is not there after the store is opened again")
    func enqueue() async {
        expectGreen(await run(.enqueue, operations: 300))
        let broken = await run(
            .enqueue, operations: 300,
            opened: { store, times in
                guard times == 1, let first = try await store.list(OperationFilter(limit: 1)).first else { return }
                _ = try await store.cancel(first.id, now: SystemClock().now.wall)
            })
        expectRed(broken, by: "every acknowledged operation is stored")
    }

    @Test("latency: green; red when the 95th percentile is above the agreed one")
    func latency() async {
        expectGreen(await run(.latency, operations: 200))
        // Half of the specification's five seconds, so that the test is not so slow.
        let broken = await run(
            .latency, operations: 60,
            options: {
                $0.latencySLAMs = 2500
                $0.workers = 64
            }, breaking: { $0.wrap = { SlowTransport(inner: $0, milliseconds: 2600) } })
        expectRed(broken, by: "p95 below 2500 ms")
    }

    /// The memory is the leak's own word: tests beside this one take and give back memory too.
    private func leak(_ kibibytes: Int64, in world: inout LoadWorld) {
        let leak = Leak()
        world.wrap = { LeakingTransport(inner: $0, leak: leak, kibibytes: kibibytes) }
        world.residentBytes = { leak.bytes }
    }

    @Test("memory: green when nothing is left behind; red when every request leaves something")
    func memory() async {
        expectGreen(await run(.memory, operations: 3000, breaking: { leak(0, in: &$0) }))
        expectRed(await run(.memory, operations: 3000, breaking: { leak(12, in: &$0) }), by: "no leak")
    }

    @Test("breaker: green; red when it does not open")
    func breaker() async {
        expectGreen(await run(.breaker, operations: 30))
        let broken = await run(.breaker, operations: 30, breaking: { $0.adjust = { $0.processor.breaker.failures = 100_000 } })
        expectRed(broken, by: "opens at failure 10")
    }

    @Test("concurrency: green with three processors whose lock changes hands; red when something is applied twice")
    func concurrency() async {
        let green = await run(.concurrency, operations: 1500)
        expectGreen(green)
        expectCorrected(green)
        let broken = await run(.concurrency, operations: 1000, breaking: { $0.wrap = { StutteringTransport(inner: $0) } })
        expectRed(broken, by: "nothing doubled")
    }

    @Test("soak: red when memory grows, and when something is doubled")
    func soak() async {
        let leaking = await run(
            .soak, operations: 0, options: { $0.soakSeconds = 12 }, breaking: { leak(12, in: &$0) })
        expectCorrected(leaking)
        expectRed(leaking, by: "memory does not grow")
        let doubling = await run(
            .soak, operations: 0, options: { $0.soakSeconds = 8 }, breaking: { $0.wrap = { StutteringTransport(inner: $0) } })
        expectRed(doubling, by: "nothing doubled")
    }

    @Test("a suite that can't run to its end is red and says why")
    func brokenOff() async {
        struct NoUpstream: Error {}
        let result = await run(.latency, operations: 10, breaking: { $0.startUpstream = { _ in throw NoUpstream() } })
        expectRed(result, by: "runs to its end")
    }

    /// How many stores are open, and the transports that were made.
    private final class Opened: Sendable {
        private let state = Mutex((stores: 0, transports: [any Transport]()))

        var stores: Int { state.withLock { $0.stores } }
        var transports: [any Transport] { state.withLock { $0.transports } }

        func count(_ change: Int) { state.withLock { $0.stores += change } }

        func keep(_ transport: any Transport) -> any Transport {
            state.withLock { $0.transports.append(transport) }
            return transport
        }
    }

    @Test("a suite that is broken off closes its stores and shuts its transports down", arguments: LoadOptions.Suite.allCases)
    func closes(suite: LoadOptions.Suite) async throws {
        let opened = Opened()
        let result = await run(
            suite, operations: 10,
            breaking: { world in
                let open = world.openStore
                world.openStore = { name in
                    var store = try await open(name)
                    let close = store.close
                    opened.count(1)
                    store.close = {
                        opened.count(-1)
                        try close()
                    }
                    return store
                }
                world.wrap = { opened.keep($0) }
                world.adjust = { $0.limits.payloadBytes = 0 }
            })
        expectRed(result, by: "runs to its end")
        #expect(opened.stores == 0)
        #expect(!opened.transports.isEmpty)
        var random = Xoshiro256(seed: 1)
        let update = NewOperation("update", entityType: "room", entityID: "r1", payload: "{}")
        let operation = try Admission().admit(update, at: SystemClock().now.wall, random: &random)
        let claim = Claim(operation: operation, fence: Fence(owner: "o", epoch: 1))
        for transport in opened.transports {
            // One that still connected would say that nobody listens.
            let outcome = await transport.send(claim, token: nil, timeoutMs: 20_000)
            guard case .unanswered(.reset, _) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
        }
    }
}
