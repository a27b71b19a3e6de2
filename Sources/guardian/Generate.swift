import ArgumentParser
import Foundation
import GuardianCore
import GuardianLoad

struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a realistic, seeded stream of operations as NDJSON.",
        discussion: """
            Example:
              guardian generate --operations 10000 --entities 500 > operations.ndjson
            With --json it is one array, which POST /v1/operations takes too.
            """)
    @Option(help: "How many are written.") var operations = 1000
    @Option(help: "Rooms, users and devices that they change.") var entities = 100
    @Option(help: "What they are drawn from: the same seed gives the same.") var seed: UInt64 = 1
    @Flag(help: "Print one JSON array.") var json = false

    func run() async throws {
        guard operations >= 0, entities >= 1 else { throw Failure(.usage, "--operations and --entities must be positive") }
        var text = json ? "[" : ""
        var isFirst = true
        for operation in Workload(seed: seed, operations: operations, entities: entities) {
            if json { text += isFirst ? "\n" : ",\n" }
            text += json ? operation.ndjson : operation.ndjson + "\n"
            isFirst = false
            if text.utf8.count > 1 << 16 {
                Terminal.write(text, to: .standardOutput)
                text = ""
            }
        }
        Terminal.write(json ? text + "\n]\n" : text, to: .standardOutput)
    }
}
