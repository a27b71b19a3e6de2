import ArgumentParser
import GuardianSync

/// Two people edit the same notes, one of them offline.
@main
struct NotesDemo: AsyncParsableCommand {
    struct Unexpected: Error { var what: String }
    static let configuration = CommandConfiguration(commandName: "Notes", abstract: "Optimistic edits, and what becomes of conflicts.")

    @Option(help: "The API, such as http://127.0.0.1:8090.") var upstream: String
    @Option(help: "Where the notes are kept.") var dataDir: String

    func run() async throws {
        let notes = try await NotesStore(directory: dataDir, upstream: upstream)
        let result = await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await notes.sync() }
            group.addTask { try await story(notes) }
            group.addTask {
                try await Task.sleep(for: .seconds(30))
                throw Unexpected(what: "not done after 30 seconds")
            }
            defer { group.cancelAll() }
            return await group.nextResult()
        }
        try await notes.close()
        try result?.get()
    }

    private func story(_ notes: NotesStore) async throws {
        let groceries = Note(title: "Groceries", body: "Milk", tags: ["home"])
        let ideas = Note(title: "Ideas", body: "A shed", tags: [])
        func show(_ heading: String) async throws {
            print(heading)
            for id in [groceries.id, ideas.id] {
                let note = try await first(of: notes.observe(id))
                print("  " + (note.map { "\($0.title): \($0.body) \($0.tags)" } ?? "(deleted)"), try await badge(of: id, notes))
            }
        }
        for note in [groceries, ideas] { try await notes.save(note, editedFrom: nil) }
        for note in [groceries, ideas] { _ = try await first(of: notes.states(of: note.id)) { $0 == .synced } }
        try await show("Two notes, delivered:")

        try await notes.goOffline()
        let renamed = Note(id: groceries.id, title: "Groceries for Sunday", body: "Milk", tags: ["home", "weekend"])
        try await notes.save(renamed, editedFrom: groceries)
        try await notes.delete(ideas)
        try await show("Offline, one edited and one deleted:")

        let other = OtherDevice(upstream: upstream)
        try await other.put(Note(id: groceries.id, title: "Groceries", body: "Milk, eggs", tags: ["home", "urgent"]))
        let better = Note(id: ideas.id, title: "Ideas", body: "A shed with a window", tags: [])
        try await other.put(better)

        try await notes.goOnline()
        let merged = Note(id: groceries.id, title: "Groceries for Sunday", body: "Milk, eggs", tags: ["home", "urgent", "weekend"])
        for note in [merged, better] { _ = try await first(of: notes.observe(note.id)) { $0 == note } }
        try await show("Online, after somebody else has edited both: one merged, one back, for it is not what the user deleted:")

        try await notes.keepTheirs(ideas.id)
        try await show("The user keeps it:")
        for note in [merged, better] {
            let (there, state) = (try await other.get(note.id), try await first(of: notes.states(of: note.id)))
            guard there == note, state == .synced else { throw Unexpected(what: "\(state), and the server has \(there)") }
        }
    }

    private func badge(of id: String, _ notes: NotesStore) async throws -> String {
        switch try await first(of: notes.states(of: id)) {
        case .synced: "(synced)"
        case .pending(let count): "(\(count) to send)"
        case .retrying(let until, _): "(tried again at \(until))"
        case .failed(let error), .conflict(let error): "(! \(error.message))"
        }
    }

    private func first<Values: AsyncSequence>(
        of values: Values, where isWanted: (Values.Element) -> Bool = { _ in true }
    ) async throws -> Values.Element {
        for try await value in values where isWanted(value) { return value }
        throw CancellationError()
    }
}
