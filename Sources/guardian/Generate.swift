import ArgumentParser
import Foundation
import GuardianCore
import GuardianLoad

struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a realistic, seeded stream of operations as NDJSON.",
        discussion: "Example: guardian generate --operations 10000 --entities 500 --seed 7 > operations.ndjson")
    @Option var operations = 1000
    @Option var entities = 100
    @Option var seed: UInt64 = 1

    func run() async throws {
        guard operations >= 0, entities >= 1 else { throw Failure(.usage, "--operations and --entities must be positive") }
        var text = ""
        for operation in Workload(seed: seed, operations: operations, entities: entities) {
            text += operation.ndjson + "\n"
            if text.utf8.count > 1 << 16 {
                Terminal.write(text, to: .standardOutput)
                text = ""
            }
        }
        Terminal.write(text, to: .standardOutput)
    }
}
