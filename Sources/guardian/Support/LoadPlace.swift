import Foundation
import GuardianCore
import GuardianLoad
import GuardianPostgres
import GuardianRuntime
import GuardianSQLite

/// Where a load test runs: stores that go when it is done, in a directory or in schemas of a database, and the reference upstream as a
/// process of its own, so that this one's memory and files are the engine's.
struct LoadPlace {
    let directory: String
    private let schemas: ScratchSchemas?

    /// Throws when `store` is a database that can't be reached, or is not to be used for this.
    init(directory: String?, store: String) throws {
        let run = UUID().uuidString
        self.directory = (directory ?? NSTemporaryDirectory()) + "/guardian-loadtest-" + run
        guard DatabaseAddress.isOne(store) else {
            schemas = nil
            return
        }
        let made = ScratchSchemas(try DatabaseAddress(store), run: String(run.lowercased().filter { $0 != "-" }.prefix(12)))
        if let objection = try made.objection() {
            throw Failure(.refused, "--store: \(objection); nothing was touched. Name a database without a queue in use")
        }
        schemas = made
    }

    func remove() {
        do { try FileManager.default.removeItem(atPath: directory) } catch {}
        do { try schemas?.dropAll() } catch {
            Terminal.complain("schemas that begin with \(ScratchSchemas.prefix) are left in the database: \(error)")
        }
    }

    func world() -> LoadWorld {
        // Each suite begins with empty stores.
        let suite = UUID().uuidString
        guard let schemas else { return fileWorld(directory + "/" + suite) }
        var world = LoadWorld(
            openStore: { name in
                let address = try schemas.address(of: suite + "/" + name)
                let store = try await PostgresStore.open(.init(address: address, applicationName: "guardian-loadtest"))
                return .init(
                    store: store, close: { store.close() }, compact: { try ScratchSchemas.compact(address) },
                    bytes: { try ScratchSchemas.bytes(address) })
            },
            startUpstream: { try await Self.startUpstream($0) })
        world.sharesStores = true
        return world
    }

    private func fileWorld(_ root: String) -> LoadWorld {
        LoadWorld(
            openStore: { name in
                let path = root + "/" + name + "/guardian.sqlite"
                let store = try SQLiteStore.open(.init(path: path))
                return .init(
                    store: store, close: { try store.close() }, compact: { _ = try await store.compact() },
                    bytes: {
                        let bytes = StoreFiles(path: path).bytes
                        return bytes.database + bytes.log
                    })
            },
            startUpstream: { try await Self.startUpstream($0) })
    }

    private static func startUpstream(_ behaviour: LoadWorld.Behaviour) async throws -> LoadWorld.Upstream {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Bundle.main.executablePath ?? CommandLine.arguments[0])
        process.arguments = [
            "backend", "--listen", "127.0.0.1:0", "--latency", "\(behaviour.latencyMs)ms", "--failure-rate", "\(behaviour.failureRate)",
            "--seed", "\(behaviour.seed)", "--end-with-input",
        ]
        let pipe = Pipe()
        process.standardError = pipe
        // It ends with this process, however that ends.
        process.standardInput = Pipe()
        try process.run()
        let said = Ready(pipe.fileHandleForReading)
        guard let url = await said.url(while: process) else {
            process.terminate()
            throw Failure(.failed, "the mock upstream did not start: \(said.text)")
        }
        let running = RunningProcess(process)
        return .init(url: url, stop: { await running.stop() })
    }
}

/// What a process says until it is ready.
private final class Ready: Sendable {
    private let lines: AsyncStream<String>
    private let gathered = SaidText()

    var text: String { gathered.text }

    init(_ handle: FileHandle) {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        lines = stream
        handle.readabilityHandler = { handle in
            let more = handle.availableData
            if more.isEmpty {
                handle.readabilityHandler = nil
                continuation.finish()
            } else {
                continuation.yield(String(decoding: more, as: UTF8.self))
            }
        }
    }

    func url(while process: Process) async -> String? {
        for await more in lines {
            gathered.add(more)
            let words = "ready on "
            if let found = gathered.text.range(of: words), gathered.text[found.upperBound...].contains("\n") {
                return String(gathered.text[found.upperBound...].prefix { !$0.isWhitespace })
            }
        }
        return nil
    }
}
