import Foundation
import GuardianCore
import GuardianLoad
import Synchronization
import Testing

extension ProcessTests {
    /// The real binary over real sockets and a real disk, killed for real.
    @Suite(.serialized) struct KillTests {
        static let producers = 4

        /// Five failures of one operation in a row would be chance here; ten are a mistake.
        private static let settings = Workplace.quick.merging(["GUARDIAN_RETRY_MAX_ATTEMPTS": "10"]) { $1 }

        @Test("serve killed with SIGKILL while four producers post: nothing acknowledged is lost, nothing applied twice, order kept")
        func survivesKills() async throws {
            let rounds = Int(ProcessInfo.processInfo.environment["GUARDIAN_KILL_ROUNDS"] ?? "") ?? 10
            var random = Xoshiro256(seed: seed(for: "kill rounds"))
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0", "--latency", "1ms", "--failure-rate", "0.05"])
            defer { backend.kill() }
            let scene = KillScene()
            var aside: Set<String> = []

            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<Self.producers {
                    let seed = random.next()
                    group.addTask { try await Producer(number: number, seed: seed).run(scene) }
                }
                for _ in 0..<rounds { try await killOnce(workplace, backend, scene, &random) }
                let last = try await Guardian.start(workplace.arguments(upstream: backend.url), environment: Self.settings)
                defer { last.kill() }
                scene.finish(at: last.url)
                try await group.waitForAll()
                // What is suspect is set aside when its turn comes.
                try await Web.wait("everything processed") {
                    if try await Web.failed(last.url) > 0 { aside = try await bringBack(workplace, aside) }
                    return try await Web.processed(last.url) >= scene.acknowledged
                }
                #expect(last.terminate() == 0)
            }
            try await balance(workplace)
            try await verify(backend, scene, aside: aside)
            let (reposts, duplicates) = scene.repeats
            print(
                "measured: \(rounds) rounds, \(scene.acknowledged) acknowledged, \(reposts) posted again, \(duplicates) of them on disk already, \(aside.count) lines with one set aside"
            )
        }

        /// One life of `serve`, ended by SIGKILL in the middle of posting, or now and then while it starts.
        private func killOnce(_ workplace: Workplace, _ backend: Guardian, _ scene: KillScene, _ random: inout Xoshiro256) async throws {
            if Int.random(in: 0..<8, using: &random) == 0 {
                let serve = try Guardian.launch(workplace.arguments(upstream: backend.url), environment: Self.settings)
                try await Task.sleep(for: .microseconds(Int.random(in: 0...60_000, using: &random)))
                serve.kill()
                // Killed before it had made its store, it can't have acknowledged anything.
                if scene.acknowledged == 0, !FileManager.default.fileExists(atPath: workplace.store) { return }
            } else {
                let serve = try await Guardian.start(workplace.arguments(upstream: backend.url), environment: Self.settings)
                let goal = scene.acknowledged + Int.random(in: 1...200, using: &random)
                scene.open(at: serve.url)
                try await Web.wait("\(goal) acknowledged") { scene.acknowledged >= goal }
                try await Task.sleep(for: .microseconds(Int.random(in: 0...3000, using: &random)))
                serve.kill()
                scene.close()
            }
            try await balance(workplace)
        }

        /// What was in hand at three kills in a row is set aside as a crash suspect (spec section 3.13), and a person puts it back. If its last
        /// attempt was applied and nobody heard, the next of its line meets an ETag that it does not know, and is put back too; nothing else
        /// has failed. Returns the entities whose later operations may have gone before it.
        private func bringBack(_ workplace: Workplace, _ before: Set<String>) async throws -> Set<String> {
            let failed = try await workplace.sqlite("SELECT entity_id, error_class FROM guardian_operation WHERE status = 2")
            let lines = failed.split(separator: "\n").map { $0.split(separator: "|").map(String.init) }
            let aside = before.union(lines.filter { $0.last == "crash_suspect" }.compactMap(\.first))
            for line in lines {
                let isForeseen = line.last == "crash_suspect" || line.last == "conflict" && aside.contains(line[0])
                #expect(isForeseen, "\(line)")
            }
            if !lines.isEmpty { #expect(try await workplace.run("retry", "--all-failed").status == 0) }
            return aside
        }

        private func balance(_ workplace: Workplace) async throws {
            let check = try await workplace.run("check", "--json")
            #expect(check.status == 0, "\(check.output)\(check.errors)")
            #expect(check.json["gap"]?.integer == 0)
        }

        private func verify(_ backend: Guardian, _ scene: KillScene, aside: Set<String>) async throws {
            let effects = try await Web.effects(backend.url)
            #expect(Set(effects.map(\.key)).count == effects.count, "an effect was applied twice")
            let inOrder = effects.filter { !aside.contains(String($0.entity.split(separator: "/").last ?? "")) }
            #expect(OrderCheck.violations(inOrder.map { ($0.entity, $0.seq) }) == 0, "an entity's order was broken")
            let applied = Set(effects.map { "\($0.entity.split(separator: "/").last ?? "")#\($0.seq)" })
            #expect(applied == scene.operations, "acknowledged and applied are not the same")
            #expect(effects.count == scene.acknowledged)
        }
    }
}

/// What producers and the one who kills know of each other.
final class KillScene: Sendable {
    private struct State {
        var url: String?
        var isOver = false
        var operations: Set<String> = []
        var reposts = 0
        var duplicates = 0
    }

    private let state = Mutex(State())

    var url: String? { state.withLock { $0.url } }
    var isOver: Bool { state.withLock { $0.isOver } }
    var acknowledged: Int { state.withLock { $0.operations.count } }
    /// `entity#seq` of each acknowledged operation.
    var operations: Set<String> { state.withLock { $0.operations } }
    var repeats: (reposts: Int, duplicates: Int) { state.withLock { ($0.reposts, $0.duplicates) } }

    func open(at url: String) { state.withLock { $0.url = url } }
    func close() { state.withLock { $0.url = nil } }

    /// Producers bring what they have in hand to its end at `url`, and stop.
    func finish(at url: String) {
        state.withLock {
            $0.url = url
            $0.isOver = true
        }
    }

    func acknowledge(_ operation: String, tries: Int, outcome: String) {
        state.withLock { state in
            state.operations.insert(operation)
            state.reposts += tries - 1
            if outcome == "duplicate" { state.duplicates += 1 }
        }
    }
}

/// Posts operations of its own entities, one after the other, each until it is acknowledged.
struct Producer {
    static let entities = 8

    let number: Int
    let seed: UInt64

    func run(_ scene: KillScene) async throws {
        var random = Xoshiro256(seed: seed)
        var last: [String: Int] = [:]
        while !scene.isOver {
            let entity = "p\(number)-\(Int.random(in: 0..<Self.entities, using: &random))"
            let seq = last[entity, default: 0] + 1
            last[entity] = seq
            let padding = String(repeating: "x", count: Int.random(in: 0...600, using: &random))
            try await post(
                """
                {"id":"\(entity)-\(seq)","operation_type":"update","entity_type":"room","entity_id":"\(entity)",\
                "payload":{"seq":\(seq),"padding":"\(padding)"}}
                """, as: "\(entity)#\(seq)", scene)
        }
    }

    private func post(_ body: String, as operation: String, _ scene: KillScene) async throws {
        var tries = 0
        while true {
            guard let url = scene.url else {
                try await Task.sleep(for: .milliseconds(2))
                continue
            }
            tries += 1
            guard let answer = await Self.answer(url, body) else { continue }
            guard answer.status == 202, let outcome = answer.json["outcome"]?.string else {
                Issue.record("\(operation): \(answer.status) \(answer.body)")
                return
            }
            scene.acknowledge(operation, tries: tries, outcome: outcome)
            return
        }
    }

    /// nil when the process died before it answered.
    private static func answer(_ url: String, _ body: String) async -> Web.Answer? {
        do { return try await Web.send("POST", url, "/v1/operations", body: body) } catch { return nil }
    }
}
