import Foundation
import GuardianBackend
import GuardianCore
import GuardianLoad
import GuardianSQLite
import Synchronization

/// Real stores in a directory of its own, and the reference upstream in this process.
struct TestWorld: Sendable {
    let directory = NSTemporaryDirectory() + "/guardian-load-" + UUID().uuidString

    /// A world; `opened` may do something to a store that was just opened, and hears how often it was before.
    func world(opened: @escaping @Sendable (any Store, Int) async throws -> Void = { _, _ in }) -> LoadWorld {
        let times = Openings()
        return make(opened, times)
    }

    private final class Openings: Sendable {
        private let count = Mutex<[String: Int]>([:])
        func next(_ name: String) -> Int {
            count.withLock { count in
                defer { count[name, default: 0] += 1 }
                return count[name, default: 0]
            }
        }
    }

    private func make(_ opened: @escaping @Sendable (any Store, Int) async throws -> Void, _ times: Openings) -> LoadWorld {
        LoadWorld(
            openStore: { [directory] name in
                let path = directory + "/" + name + "/guardian.sqlite"
                let store = try SQLiteStore.open(.init(path: path))
                try await opened(store, times.next(name))
                return .init(
                    store: store, close: { try store.close() }, compact: { _ = try await store.compact() },
                    bytes: {
                        let bytes = StoreFiles(path: path).bytes
                        return bytes.database + bytes.log
                    })
            },
            startUpstream: { behaviour in
                let upstream = try ReferenceUpstream(
                    .init(
                        port: 0, latency: .milliseconds(behaviour.latencyMs), failureRate: behaviour.failureRate, seed: behaviour.seed))
                let (ports, ready) = AsyncStream.makeStream(of: Int.self)
                let server = Task { try await upstream.run { ready.yield($0) } }
                let port = await ports.first { _ in true } ?? 0
                return .init(
                    url: "http://127.0.0.1:\(port)",
                    stop: {
                        server.cancel()
                        _ = await server.result
                    })
            })
    }

    func remove() { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
}

/// What is said to be kept of requests, for good.
final class Leak: Sendable {
    private let kept = Mutex<Int64>(32 << 20)
    var bytes: Int64 { kept.withLock { $0 } }
    func keep(kibibytes: Int64) { kept.withLock { $0 += kibibytes << 10 } }
}

/// A transport that keeps so much of every request.
struct LeakingTransport: Transport {
    let inner: any Transport
    let leak: Leak
    let kibibytes: Int64

    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome {
        leak.keep(kibibytes: kibibytes)
        return await inner.send(claim, token: token, timeoutMs: timeoutMs)
    }
}

/// A transport that sends now and then under another key what it has sent before.
struct StutteringTransport: Transport {
    let inner: any Transport

    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome {
        let outcome = await inner.send(claim, token: token, timeoutMs: timeoutMs)
        guard claim.seq % 40 == 0, claim.operation.type == "update", case .accepted = outcome else { return outcome }
        var again = claim
        var random = Xoshiro256(seed: UInt64(claim.seq))
        again.operation.idempotencyKey = .v4(using: &random)
        _ = await inner.send(again, token: token, timeoutMs: timeoutMs)
        return outcome
    }
}

/// A transport that lets each answer wait.
struct SlowTransport: Transport {
    let inner: any Transport
    let milliseconds: Int

    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome {
        do { try await Task.sleep(for: .milliseconds(milliseconds)) } catch { return .interrupted }
        return await inner.send(claim, token: token, timeoutMs: timeoutMs)
    }
}
