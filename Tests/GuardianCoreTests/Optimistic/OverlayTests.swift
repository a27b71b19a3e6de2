import GuardianCore
import Testing

/// What the user should see: the last state known, with what waits replayed on it.
@Suite struct OverlayTests {
    static func operation(
        _ type: String, _ payload: JSONValue?, status: Operation.Status = .pending, error: ErrorClass = .permanent, base: JSONValue? = nil
    ) -> Operation {
        var random = Xoshiro256(seed: 1)
        var operation = Operation(
            id: .text("x"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: type,
            entity: EntityKey(type: "room", id: "1"), payload: payload?.text, base: base?.text, status: status,
            enqueuedAt: Timestamp(milliseconds: 0))
        if status == .failed { operation.lastError = LastError(class: error, code: "X", message: "x") }
        return operation
    }

    @Test("an update replaces members at the top, in place, and keeps the others")
    func updates() {
        let update = Self.operation("update", ["b": ["y": 2], "d": 4])
        let overlay = Overlay.replay(server: ["a": 1, "b": ["x": 1], "c": 3], operations: [update])
        #expect(overlay == Overlay(state: ["a": 1, "b": ["y": 2], "c": 3, "d": 4], isPending: true))
    }

    @Test("names that are two spellings of one accented letter are two members")
    func spellings() {
        let overlay = Overlay.replay(server: ["\u{e9}": 1], operations: [Self.operation("update", ["e\u{301}": 2])])
        #expect(overlay.state?.members?.map(\.value) == [1, 2])
    }

    @Test("of an edit with a base only what its user has changed is shown over what others have written since")
    func onlyChanges() {
        let edit = Self.operation("update", ["a": 2, "b": 1, "c": 1, "d": 4], base: ["a": 1, "b": 1, "c": 1])
        #expect(Overlay.replay(server: ["a": 7, "b": 8], operations: [edit]).state == ["a": 2, "b": 8, "d": 4])
        #expect(Overlay.replay(server: nil, operations: [edit]).state == ["a": 2, "b": 1, "c": 1, "d": 4])
    }

    @Test("an operation whose effect a feed has told of is not shown over what others have written after it")
    func reached() {
        let edit = Self.operation("update", ["a": 2])
        let overlay = Overlay.replay(server: ["a": 3], operations: [edit], reached: [edit.id])
        #expect(overlay == Overlay(state: ["a": 3], isPending: true))
    }

    @Test("a create shows its payload, a delete nothing, and a word of the app's own changes nothing")
    func otherTypes() {
        let create = Self.operation("create", ["a": 1], status: .processing)
        let delete = Self.operation("delete", nil)
        let custom = Self.operation("water", ["litres": 2])
        #expect(Overlay.replay(server: nil, operations: [create, custom]) == Overlay(state: ["a": 1], isPending: true))
        #expect(Overlay.replay(server: ["a": 1], operations: [delete]) == Overlay(state: nil, isPending: true))
        #expect(Overlay.replay(server: ["b": 1], operations: [delete, create]).state == ["a": 1])
        #expect(Overlay.replay(server: ["b": 1], operations: []) == Overlay(state: ["b": 1]))
    }

    @Test("failed operations are not replayed; a conflict among them is told")
    func failures() {
        let failed = Self.operation("update", ["a": 2], status: .failed)
        let conflict = Self.operation("update", ["a": 3], status: .failed, error: .conflict)
        #expect(Overlay.replay(server: ["a": 1], operations: [failed]) == Overlay(state: ["a": 1]))
        #expect(Overlay.replay(server: ["a": 1], operations: [failed, conflict]) == Overlay(state: ["a": 1], hasConflict: true))
    }

    @Test("the last state known is the server's, else the snapshot, else the base of the oldest edit that waits, else nothing")
    func lastKnown() {
        let edit = Self.operation("update", ["n": 1], base: ["from": "base"])
        let failed = Self.operation("update", ["n": 1], status: .failed, base: ["from": "a failure"])
        var view = EntityView(operations: [failed])
        #expect(view.lastKnown == nil)
        view.operations.append(edit)
        #expect(view.lastKnown == ["from": "base"])
        view.original = #"{"from":"snapshot"}"#
        #expect(view.lastKnown == ["from": "snapshot"])
        view.server = ServerState(etag: "only an ETag")
        #expect(view.lastKnown == ["from": "snapshot"])
        view.server?.state = #"{"from":"server"}"#
        #expect(view.overlay.state == ["from": "server", "n": 1])
        view.server = ServerState(isGone: true)
        #expect(view.lastKnown == nil)
    }

    @Test("a state is older when both name a version and its own is smaller, as numbers")
    func versions() {
        func state(_ text: String) -> ServerState { ServerState(state: text) }
        #expect(state(#"{"version":9}"#).isOlder(than: state(#"{"version":10}"#)))
        #expect(state(#"{"version":9007199254740992}"#).isOlder(than: state(#"{"version":9007199254740993}"#)))
        #expect(!state(#"{"version":10}"#).isOlder(than: state(#"{"version":10.0}"#)))
        #expect(!state(#"{"version":"9"}"#).isOlder(than: state(#"{"version":10}"#)))
        #expect(!state("{}").isOlder(than: state(#"{"version":10}"#)))
        #expect(!ServerState(isGone: true).isOlder(than: state(#"{"version":10}"#)))
    }

    @Test("replay is the same as one step after the other, wherever it is cut", arguments: UInt64(1)...20)
    func replayIsStepwise(seed: UInt64) {
        var random = Xoshiro256(seed: seed)
        for _ in 0..<200 {
            let server = Bool.random(using: &random) ? Self.state(&random) : nil
            let operations = (0..<Int.random(in: 0...12, using: &random)).map { _ in Self.draw(&random) }
            let whole = Overlay.replay(server: server, operations: operations)
            let cut = Int.random(in: 0...operations.count, using: &random)
            let first = Overlay.replay(server: server, operations: Array(operations[..<cut]))
            let second = Overlay.replay(server: first.state, operations: Array(operations[cut...]))
            #expect(second.state == whole.state, "seed \(seed)")
            #expect(whole.isPending == (first.isPending || second.isPending), "seed \(seed)")
            #expect(Self.model(server, operations) == whole.state.map(Self.table), "seed \(seed)")
        }
    }

    private static let names = ["a", "b", "c", "d"]

    private static func state(_ random: inout Xoshiro256) -> JSONValue {
        let chosen = names.filter { _ in Bool.random(using: &random) }.shuffled(using: &random)
        return .object(chosen.map { JSONValue.Member($0, JSONValue(Int.random(in: 0...9, using: &random))) })
    }

    private static func draw(_ random: inout Xoshiro256) -> Operation {
        let type = ["create", "update", "update", "update", "delete", "water"].randomElement(using: &random) ?? "update"
        let status = Operation.Status.allCases.randomElement(using: &random) ?? .pending
        return operation(type, type == "delete" ? nil : state(&random), status: status)
    }

    private static func table(_ value: JSONValue) -> [String: JSONValue] {
        Dictionary((value.members ?? []).map { ($0.name, $0.value) }) { $1 }
    }

    /// The same rule on dictionaries.
    private static func model(_ server: JSONValue?, _ operations: [Operation]) -> [String: JSONValue]? {
        var state = server.map(table)
        for operation in operations where operation.status != .failed {
            let payload = operation.payload.flatMap { try? JSONValue(parsing: $0) }.map(table) ?? [:]
            switch operation.type {
            case "create": state = payload
            case "update": state = (state ?? [:]).merging(payload) { $1 }
            case "delete": state = nil
            default: break
            }
        }
        return state
    }
}
