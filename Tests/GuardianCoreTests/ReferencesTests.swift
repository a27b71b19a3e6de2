import GuardianCore
import Testing

@Suite struct ReferencesTests {
    private static let references = References([
        "device": ["room_id": "room", "place.room_id": "room", "members.user_id": "user", "peers": "device"]
    ])

    private func operation(_ payload: String?, type: String = "update", base: String? = nil) -> Operation {
        Operation(
            id: .text("o"), idempotencyKey: UniqueID(high: 0x4000, low: 1 << 63), traceID: UniqueID(high: 3, low: 4), type: type,
            entity: EntityKey(type: "device", id: "D"), payload: payload, base: base, enqueuedAt: Timestamp(milliseconds: 0))
    }

    @Test("an operation points to its own entity and to what its declared fields hold: nested, in arrays, texts and numbers")
    func finds() {
        let given = operation(
            #"{"room_id":"R","place":{"room_id":7},"members":[{"user_id":"u1"},{"user_id":"u2"},{}],"peers":["D2","D3",null],"other":"R"}"#)
        let found = Self.references.of(given, assigned: ["device", "room", "user"])
        let names = found.map { "\($0.field)=\($0.entity.orderingKey)" }
        #expect(
            names == [
                "=device/D", "members.user_id=user/u1", "members.user_id=user/u2", "peers=device/D2", "peers=device/D3",
                "place.room_id=room/7",
                "room_id=room/R",
            ])
    }

    @Test("entity types whose ids the upstream does not give are never pointed to")
    func unassigned() {
        let given = operation(#"{"room_id":"R","peers":["D2"]}"#)
        #expect(Self.references.of(given, assigned: []).isEmpty)
        #expect(Self.references.of(given, assigned: ["room"]).map(\.entity.orderingKey) == ["room/R"])
        #expect(Self.references.of(given, assigned: ["*"]).count == 3)
        #expect(Self.references.of(operation(nil, type: "delete"), assigned: ["*"]).map(\.isOwn) == [true])
        #expect(Self.references.of(operation(#"{"room_id":["#), assigned: ["room"]).isEmpty)
    }

    @Test("a rewritten payload differs in the id only: order, numbers, escapes and doubled names stay")
    func rewrites() {
        var given = operation(
            #"{"z":1.50,"room_id":"R","n":12345678901234567890,"t":"\u0041R","room_id":"R","a":["R"]}"#, base: #"{"room_id":"R","v":1e2}"#)
        let isChanged = given.rewrite("room_id", from: "R", to: ServerID("s-1"))
        #expect(isChanged)
        #expect(given.payload == #"{"z":1.50,"room_id":"s-1","n":12345678901234567890,"t":"AR","room_id":"s-1","a":["R"]}"#)
        #expect(given.base == #"{"room_id":"s-1","v":1e2}"#)
    }

    @Test("what holds another id, or none, is left as it is")
    func leaves() {
        let text = #"{ "room_id" : "other", "place": "R", "peers": {"x":"R"} }"#
        var given = operation(text)
        for field in ["room_id", "place.room_id", "peers", "none"] {
            let isChanged = given.rewrite(field, from: "R", to: ServerID("s"))
            #expect(!isChanged)
        }
        #expect(given.payload == text)
    }

    @Test("an id that the upstream gave as a number is written as a number")
    func numbers() {
        var given = operation(#"{"peers":["a",5,"b"]}"#)
        let isText = given.rewrite("peers", from: "a", to: ServerID("17", isNumber: true))
        let isNumber = given.rewrite("peers", from: "5", to: ServerID("x"))
        #expect(isText && isNumber)
        #expect(given.payload == #"{"peers":[17,"x","b"]}"#)
    }

    @Test("two spellings of one accented letter are two ids, in payloads as in stores")
    func spellings() {
        var given = operation("{\"peers\":[\"\u{e9}\",\"e\u{301}\"]}")
        #expect(Self.references.of(given, assigned: ["*"]).count == 3)
        let isChanged = given.rewrite("peers", from: "e\u{301}", to: ServerID("s"))
        #expect(isChanged)
        #expect(given.payload.map { Array($0.utf8) } == Array("{\"peers\":[\"\u{e9}\",\"s\"]}".utf8))
    }

    @Test("all ids of a long payload are found, looked for and rewritten in one pass")
    func manyIDs() {
        var given = operation("{\"peers\":[" + (0..<10_000).map { "\"device-\($0)\"" }.joined(separator: ",") + "]}")
        let start = ServerSentEventsTests.processorTime()
        given.references = Self.references.of(given, assigned: ["*"])
        #expect(given.references.count == 10_001)
        #expect(given.lost(among: given.references).isEmpty)
        given.resolveReferences { ServerID("s-" + $0.id) }
        // A pass for each takes minutes.
        let took = ServerSentEventsTests.processorTime() - start
        #expect(took < .seconds(5), "\(took)")
        #expect(given.references.map(\.isOwn) == [true])
        #expect(given.payload?.contains(#""s-device-9999""#) == true)
    }

    @Test("one that was attempted gets a new key of version 4, always the same; one never attempted keeps its own")
    func keys() {
        var given = operation("{}")
        let key = given.idempotencyKey
        given.renewKey(for: ServerID("s"))
        #expect(given.idempotencyKey == key)
        given.lastAttemptAt = Timestamp(milliseconds: 1)
        given.unknownAt = Timestamp(milliseconds: 1)
        var (again, other) = (given, given)
        given.renewKey(for: ServerID("s"))
        again.renewKey(for: ServerID("s"))
        other.renewKey(for: ServerID("t"))
        #expect(given.idempotencyKey == again.idempotencyKey)
        #expect(Set([key, given.idempotencyKey, other.idempotencyKey]).count == 3)
        #expect(given.idempotencyKey.version == 4)
        #expect(given.idempotencyKey.low >> 62 == 0b10)
        #expect(given.unknownAt == nil)
    }

    @Test("a create waits for others, never for itself")
    func waits() {
        var given = operation(#"{"room_id":"R","peers":["D"]}"#, type: "create")
        given.references = Self.references.of(given, assigned: ["*"])
        #expect(given.opensLocalID)
        #expect(given.waiting { _ in true }.map(\.field) == ["room_id"])
        #expect(given.waiting { _ in false }.isEmpty)
        given.type = "update"
        #expect(!given.opensLocalID)
        #expect(given.waiting { _ in true }.map(\.field) == ["", "peers", "room_id"])
    }

    @Test("a head that waits for a create is behind that create, and the queue counts it there")
    func explains() {
        var standing = Standing(operation: operation("{}"), isHead: true)
        standing.isAwaiting = true
        standing.awaits = .text("create")
        let said = Explanation.of(standing, .init(now: Timestamp(milliseconds: 0)))
        #expect(said.reason == .behind)
        #expect(said.by == .text("create"))
        var census = Census()
        census.behind = 2
        census.awaiting = 3
        let queue = QueueExplanation.of(census, .init(now: Timestamp(milliseconds: 0)))
        #expect(queue.pending == 5)
        #expect(queue.reasons == [.behind: 5])
        #expect(queue.claimable == 0)
    }
}
