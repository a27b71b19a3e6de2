import ArgumentParser
import Foundation
import GuardianCore
import GuardianRuntime
import GuardianSQLite

struct Resolve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Settle a conflict: your side, the server's, or a payload of your own.",
        discussion: """
            Example: guardian resolve ID --take local

            `guardian show ID` prints both sides. `local` and a file are sent again from the \
            operation's old place, under a new key, and only over the state that you have seen; \
            `server` lets that state stand, and the operation leaves the queue.
            """)
    @OptionGroup var options: StoreOptions
    @Argument(help: "The operation's id.") var id: String
    @Option(help: "local, server, or a file that holds a JSON object.") var take: String
    @Flag(help: "Don't ask before your side is dropped.") var yes = false

    func run() async throws {
        let id = try operationID(id)
        let store = try await options.existingStore()
        guard let operation = try await store.operation(id) else { throw SyncError.notFound(id: id.description) }
        guard operation.status == .failed, operation.lastError?.class == .conflict else {
            throw Failure(.refused, "operation \(id) is \(operation.status.name), and no conflict; see guardian explain \(id)")
        }
        let choice = try self.choice()
        if choice == .server { try Terminal.confirm("Drop the change of operation \(id), and let the server's state stand?", yes: yes) }
        var random = Xoshiro256.fromSystem()
        let revision = operation.revision(for: choice, newKey: UniqueID.v4(using: &random))
        guard try await store.resolve(id, revision, now: SystemClock().now.wall) else {
            throw Failure(.refused, "operation \(id) has changed meanwhile; look again")
        }
        Terminal.say(options.json ? JSONValue.object([.init("resolved", .string(take))]).text : "resolved")
    }

    private func choice() throws -> ConflictChoice {
        switch take {
        case "local": return .local
        case "server": return .server
        default:
            guard let data = FileManager.default.contents(atPath: take) else {
                throw Failure(.usage, "--take: must be local, server, or a file that can be read (it is \"\(take)\")")
            }
            let most = Assembly(try options.settings()).limits.payloadBytes
            guard data.count <= most else {
                throw Failure(.usage, "--take: \(take) is larger than \(most) bytes (limits.payload)")
            }
            let text = String(decoding: data, as: UTF8.self)
            do throws(JSONScanner.Defect) {
                guard case .object = try JSONValue(parsing: text, isStrict: true) else {
                    throw JSONScanner.Defect(constraint: "must be a JSON object", offset: 0)
                }
            } catch {
                throw Failure(.usage, "--take: \(take) \(error.constraint) (at byte \(error.offset))")
            }
            return .payload(text)
        }
    }
}
