import ArgumentParser
import GuardianCore
import GuardianHTTP
import GuardianPrivacy
import GuardianRuntime
import GuardianSQLite

struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say why an operation is not moving, or what holds up the whole queue.",
        discussion: """
            Examples:
              guardian explain 0192f7c4-…
              guardian explain 0192f7c4-… --as-request --config guardian.yaml
              guardian explain --json
            Without an ID it counts the queue. An ID that has left the queue is exit code 3, with how it ended.
            """)
    @OptionGroup var options: StoreOptions
    @Argument(help: "Of an operation.") var id: String?
    @Flag(help: "Print the request that would be sent, the token masked, the rest redacted.") var asRequest = false
    @Option(help: "The upstream's URL, for --as-request.") var upstream: String?

    func run() async throws {
        guard upstream == nil || asRequest else { throw Failure(.usage, "--upstream: is for --as-request only") }
        guard let id else {
            guard !asRequest else { throw Failure(.usage, "--as-request: give the ID of an operation") }
            return try await options.look { try await explainQueue($0) }
        }
        let known = try operationID(id)
        try await options.look { try await explain(known, $0) }
    }

    private func explain(_ known: OperationID, _ store: any OpenedStore) async throws {
        guard let standing = try await store.standing(of: known) else { throw try await Self.gone(known, store) }
        let assembly = Assembly(try options.settings(upstream.map { ["upstream.url": $0] } ?? [:]))
        if asRequest { return try await printRequest(standing.operation, store, assembly) }
        let explanation = Explanation.of(standing, try await assembly.situation(of: store))
        if options.json { return Terminal.say(explanation.json.text) }
        Terminal.say("\(explanation.reason?.rawValue ?? "claimable"): \(explanation.detail)".printableLine)
    }

    private static func gone(_ id: OperationID, _ store: any OpenedStore) async throws -> Failure {
        let ending = try await store.ending(of: id).map { ": \($0.explanation)" } ?? ""
        return Failure(.notFound, SyncError.notFound(id: id.description).description + ending)
    }

    private func explainQueue(_ store: any OpenedStore) async throws {
        let situation = try await Assembly(try options.settings()).situation(of: store)
        let queue = QueueExplanation.of(try await store.census(at: situation.now), situation)
        if options.json { return Terminal.say(queue.json.text) }
        Terminal.say("pending \(queue.pending)  claimable \(queue.claimable)")
        for reason in Explanation.Reason.allCases { if let count = queue.reasons[reason] { Terminal.say("\(reason.rawValue) \(count)") } }
        Terminal.say(queue.detail.printableLine)
    }

    private func printRequest(_ operation: Operation, _ store: any OpenedStore, _ assembly: Assembly) async throws {
        let preview: (request: RequestPreview, newKey: Bool)
        do { preview = try await assembly.preview(of: operation, from: store) } catch let error as Unroutable {
            throw Failure(.failed, "nothing can be sent for \(operation.id) (\(error.code)): \(error.message)")
        }
        if preview.newKey { Terminal.complain(Assembly.newKeyNote) }
        let request = preview.request.redacted
        guard options.json else { return Terminal.say(request.text) }
        let headers = request.headers.map { JSONValue.Member($0.name, .string($0.value)) }
        let json: JSONValue = [
            "method": .string(request.method), "url": .string(request.url), "headers": .object(headers), "body": .string(request.body),
        ]
        Terminal.say(json.text)
    }
}
