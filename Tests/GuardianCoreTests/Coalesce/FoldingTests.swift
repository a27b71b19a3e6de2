import GuardianCore
import Testing

/// The rule of folding, as a value.
@Suite struct FoldingTests {
    private func operation(_ type: String, _ payload: String?, _ change: (inout Operation) -> Void = { _ in }) -> Operation {
        var random = Xoshiro256(seed: UInt64(payload?.utf8.count ?? 0))
        var operation = Operation(
            seq: 7, id: .text(type), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: type,
            entity: EntityKey(type: "room", id: "1"), payload: payload, enqueuedAt: Timestamp(milliseconds: 1000))
        operation.folds = true
        change(&operation)
        return operation
    }

    private func payload(_ older: String?, _ newer: String?, _ folding: Folding = Folding()) -> String? {
        guard case .fold(let folded) = folding.decide(operation("update", newer), behind: operation("update", older)) else { return nil }
        return folded.payload
    }

    @Test("the newer members win, in the order of the older, and the rest stays")
    func members() {
        #expect(payload(#"{"a":1,"b":2}"#, #"{"c":3,"a":4}"#) == #"{"a":4,"b":2,"c":3}"#)
        #expect(payload(#"{"a":{"x":1,"y":2}}"#, #"{"a":{"x":3}}"#) == #"{"a":{"x":3}}"#)
        #expect(payload(#"{"a":1}"#, #"{"a":null}"#) == #"{"a":null}"#)
        #expect(payload(#"{"a":[1,2]}"#, #"{"a":[]}"#) == #"{"a":[]}"#)
        #expect(payload("{}", "{}") == "{}")
    }

    @Test("numbers keep their text, and names that only look alike stay two")
    func exact() {
        #expect(payload(#"{"a":9007199254740993,"b":1.50}"#, #"{"c":1e2}"#) == #"{"a":9007199254740993,"b":1.50,"c":1e2}"#)
        let (composed, decomposed) = ("\u{E9}", "e\u{301}")
        #expect(payload("{\"\(composed)\":1}", "{\"\(decomposed)\":2}") == "{\"\(composed)\":1,\"\(decomposed)\":2}")
        // Of two members of one name the last counts, as everywhere.
        #expect(payload(#"{"a":1,"a":2,"b":3}"#, #"{"b":4,"b":5}"#) == #"{"a":2,"b":5}"#)
    }

    @Test("a merged payload that would be too long, or can't be read, leaves two operations")
    func limits() {
        #expect(payload(#"{"a":1}"#, #"{"b":2}"#, Folding(payloadBytes: 13)) == #"{"a":1,"b":2}"#)
        #expect(payload(#"{"a":1}"#, #"{"b":2}"#, Folding(payloadBytes: 12)) == nil)
        #expect(payload("[1]", #"{"b":2}"#) == nil)
        #expect(payload("{", #"{"b":2}"#) == nil)
        #expect(payload(nil, #"{"b":2}"#) == nil)
    }

    @Test("what waits keeps its id, key, trace, number, base and the time of its enqueue")
    func identity() {
        let waiting = operation("update", #"{"a":1}"#) {
            $0.base = #"{"a":0}"#
            $0.txnToken = "t"
        }
        let new = operation("delete", nil) {
            $0.id = .text("new")
            $0.base = #"{"a":1}"#
            $0.enqueuedAt = Timestamp(milliseconds: 2000)
        }
        var wanted = waiting
        wanted.type = "delete"
        wanted.payload = nil
        wanted.updatedAt = Timestamp(milliseconds: 2000)
        #expect(Folding().decide(new, behind: waiting) == .fold(wanted))
    }

    @Test("a create and an update are a create without a base; a create and a delete are nothing")
    func creates() {
        let create = operation("create", #"{"a":1}"#)
        let update = operation("update", #"{"b":2}"#) { $0.base = #"{"a":1}"# }
        guard case .fold(let folded) = Folding().decide(update, behind: create) else {
            Issue.record("not folded")
            return
        }
        #expect(folded.type == "create" && folded.base == nil && folded.payload == #"{"a":1,"b":2}"#)
        #expect(Folding().decide(operation("delete", nil), behind: create) == .vanish)
    }

    static let traces: [(String, @Sendable (inout Operation) -> Void)] = [
        ("in hand", { $0.status = .processing }), ("failed", { $0.status = .failed }),
        ("attempted", { $0.lastAttemptAt = Timestamp(milliseconds: 1) }), ("tried", { $0.tries = 1 }),
        ("charged", { $0.attemptCount = 1 }), ("a suspect", { $0.crashes = 1 }),
        ("in doubt", { $0.unknownAt = Timestamp(milliseconds: 1) }),
        ("refused", { $0.lastError = .crashSuspect }), ("revised", { $0.rounds = 1 }),
    ]

    @Test("any trace of an attempt leaves the one that waits alone", arguments: traces.indices)
    func attempted(index: Int) {
        let waiting = operation("update", "{}", Self.traces[index].1)
        #expect(Folding().decide(operation("update", "{}"), behind: waiting) == .append, "\(Self.traces[index].0)")
        let create = operation("create", "{}", Self.traces[index].1)
        #expect(Folding().decide(operation("delete", nil), behind: create) == .append, "\(Self.traces[index].0)")
    }

    @Test("an entity whose name only looks the same is another one")
    func lookalikes() {
        let waiting = operation("update", "{}") { $0.entity.id = "caf\u{E9}" }
        let new = operation("update", "{}") { $0.entity.id = "cafe\u{301}" }
        #expect(waiting.entity.id == new.entity.id)
        #expect(Folding().decide(new, behind: waiting) == .append)
    }

    @Test("a token is kept, and another one is not taken in")
    func tokens() {
        let waiting = operation("update", "{}") { $0.txnToken = "t" }
        #expect(Folding().decide(operation("update", "{}"), behind: waiting) != .append)
        #expect(Folding().decide(operation("update", "{}") { $0.txnToken = "t" }, behind: waiting) != .append)
        #expect(Folding().decide(operation("update", "{}") { $0.txnToken = "u" }, behind: waiting) == .append)
        #expect(Folding().decide(waiting, behind: operation("update", "{}")) == .append)
    }
}
