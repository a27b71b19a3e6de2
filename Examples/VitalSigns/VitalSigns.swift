import ArgumentParser
import GuardianSync

/// A gateway between sensors and a server.
@main
struct VitalSigns: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "VitalSigns", abstract: "Readings from simulated sensors, delivered once each, falls first.")

    @Option(help: "The API, such as http://127.0.0.1:8090.") var upstream: String
    @Option(help: "Where readings are kept until they are delivered.") var dataDir: String
    @Option(help: "How many readings the sensors make.") var readings = 1000
    @Option(help: "The same seed makes the same readings.") var seed: UInt64 = 1
    @Option(help: "Seconds after which it stops, delivered or not; what waits is delivered by the next run.") var seconds = 120

    func validate() throws {
        guard readings >= 0, seconds > 0 else { throw ValidationError("--readings must be 0 or more, and --seconds more than 0") }
    }

    func run() async throws {
        let gateway = try await Gateway(directory: dataDir, upstream: upstream)
        let books: Books
        do { books = try await work(gateway) } catch {
            try await gateway.close()
            throw error
        }
        try await gateway.close()
        print("accepted \(books.accepted), delivered \(books.processed), failed \(books.failed)")
        guard books.processed == books.accepted else { throw ExitCode.failure }
    }

    private func work(_ gateway: Gateway) async throws -> Books {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await gateway.deliver() }
            group.addTask {
                try await gateway.collect(from: SimulatedSensors(count: readings, seed: seed))
                while try await gateway.books().depth > 0 { try await Task.sleep(for: .milliseconds(50)) }
            }
            group.addTask { try await Task.sleep(for: .seconds(seconds)) }
            group.addTask {
                while true {
                    print("queue depth \(try await gateway.books().depth)")
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            // The first to end is the one that has seen all delivered, or the time that is up.
            try await group.next()
            group.cancelAll()
        }
        return try await gateway.books()
    }
}
