import GuardianCore
import GuardianTesting
import Testing

/// Two sides tell of one entity, each in its own order; what is known must never go back, and end as the upstream has it.
@Suite struct EntityKnowledgeTests {
    /// One write at the upstream, in the order in which it made them.
    private struct Write {
        var number: Int
        var key: UniqueID
        var isOurs: Bool
        var isDelete: Bool

        var state: ServerState {
            isDelete ? ServerState(isGone: true) : ServerState(state: "{\"n\":\(number)}", etag: "e\(number)")
        }
    }

    /// What the feed of an upstream tells beside the state.
    struct Telling: Sendable, CustomTestStringConvertible {
        var keys = true
        var etags = true
        var versions = true
        /// Only the latest state of an entity, whatever was written in between.
        var isCompact = false

        var testDescription: String {
            let words = [(keys, "keys"), (etags, "ETags"), (versions, "versions")].filter(\.0).map(\.1)
            return (words.isEmpty ? "states only" : words.joined(separator: ", ")) + (isCompact ? ", only the latest" : "")
        }

        func remote(_ write: some Any, _ state: ServerState, _ number: Int, _ key: UniqueID) -> RemoteState {
            var state = state
            if !etags { state.etag = nil }
            return RemoteState(EntityKey(type: "room", id: "e"), state, version: versions ? Int64(number) : nil, key: keys ? key : nil)
        }
    }

    private static func number(_ known: EntityKnowledge) -> Int {
        known.server?.state.map { Int($0.dropFirst(5).dropLast()) ?? -1 } ?? -1
    }

    /// Draws writes of ours and of others; answers come late, the feed comes late, each in its order.
    ///
    /// Of each ours is known, once it is answered, that it is there.
    private static func run(seed: UInt64, _ telling: Telling, most: Int = 12) -> (isSorted: Bool, isSeen: Bool, last: Int, wanted: Int) {
        var random = Xoshiro256(seed: seed)
        let share = most > 12 ? 0.1 : 0.5
        let writes = (1...Int.random(in: 1...most, using: &random)).map { number in
            Write(number: number, key: .v4(using: &random), isOurs: random.unit() < share, isDelete: false)
        }
        var isSeen = true
        var known = EntityKnowledge()
        var at = Timestamp(milliseconds: 1_800_000_000_000)
        var (applied, answered, told) = (0, 0, 0)
        var seen: [Int] = []
        let ours = writes.indices.filter { writes[$0].isOurs }
        while applied < writes.count || answered < ours.count || told < writes.count {
            at = at.adding(milliseconds: Int64.random(in: 1...2000, using: &random))
            switch Int.random(in: 0..<3, using: &random) {
            case 0 where applied < writes.count:
                // One of ours goes out when the one before it is answered.
                if writes[applied].isOurs, ours.prefix(answered).count < ours.count { if ours[answered] < applied { continue } }
                applied += 1
            case 1 where answered < ours.count && ours[answered] < applied:
                let write = writes[ours[answered]]
                known.answered(
                    .init(server: write.state, of: Self.operation(write.number, write.key), isApplied: true), isFollowed: true, at: at)
                answered += 1
                isSeen = isSeen && number(known) >= write.number
            case 2 where told < applied:
                if telling.isCompact { told = applied - 1 }
                let write = writes[told]
                let newest = answered < ours.count ? Int64(writes.count) : nil
                _ = known.tell(telling.remote(write, write.state, write.number, write.key), newest: newest) {
                    guard answered < ours.count, ours[answered] < applied else { return [] }
                    return [.init(seq: Int64(ours[answered] + 1), key: writes[ours[answered]].key)]
                }
                told += 1
            default: continue
            }
            known = EntityKnowledge(server: known.server, marks: known.marks)
            if known.server != nil { seen.append(number(known)) }
        }
        let late = at.adding(milliseconds: EntityKnowledge.patienceMs)
        _ = known.takePassed(newest: nil, at: late)
        return (seen == seen.sorted(), isSeen, number(known), writes.count)
    }

    private static func operation(_ number: Int, _ key: UniqueID) -> Operation {
        Operation(
            seq: Int64(number), id: .uuid(key), idempotencyKey: key, traceID: key, type: "update",
            entity: EntityKey(type: "room", id: "e"), payload: "{\"n\":\(number)}", enqueuedAt: Timestamp(milliseconds: 0))
    }

    @Test(
        "in 5 000 drawn orders of answers and changes, what is known never goes back, and ends as the upstream has it",
        arguments: [
            Telling(), Telling(etags: false), Telling(keys: false), Telling(versions: false), Telling(keys: false, versions: false),
            Telling(etags: false, versions: false),
        ])
    func neverBack(telling: Telling) {
        for seed in UInt64(0)..<5000 {
            let (isSorted, isSeen, last, wanted) = Self.run(seed: seed, telling)
            guard isSorted, isSeen, last == wanted else {
                Issue.record("seed \(seed): went back: \(!isSorted), hid ours: \(!isSeen), ended at \(last) of \(wanted)")
                return
            }
        }
    }

    @Test(
        "however much others write while ours wait, what is known never goes back, and ours are seen as soon as they are answered",
        arguments: [Telling(), Telling(etags: false), Telling(versions: false), Telling(etags: false, versions: false)])
    func busy(telling: Telling) {
        for seed in UInt64(0)..<100 {
            let (isSorted, isSeen, last, wanted) = Self.run(seed: seed, telling, most: 300)
            guard isSorted, isSeen, last == wanted else {
                Issue.record("seed \(seed): went back: \(!isSorted), hid ours: \(!isSeen), ended at \(last) of \(wanted)")
                return
            }
        }
    }

    @Test(
        "a feed without keys hides an answer of ours only when it has told too much since that was attempted",
        arguments: [Telling(keys: false), Telling(keys: false, versions: false)])
    func busyWithoutKeys(telling: Telling) {
        for seed in UInt64(0)..<100 {
            let (isSorted, _, last, wanted) = Self.run(seed: seed, telling, most: 300)
            guard isSorted, last == wanted else {
                Issue.record("seed \(seed): went back: \(!isSorted), ended at \(last) of \(wanted)")
                return
            }
        }
        var random = Xoshiro256(seed: 3)
        for isAttempted in [false, true] {
            var known = EntityKnowledge(server: ServerState(state: "{\"n\":0}", etag: "e0"))
            for number in 1...100 {
                let write = Write(number: number, key: .v4(using: &random), isOurs: false, isDelete: false)
                let own = EntityKnowledge.Attempted(seq: 1, key: .v4(using: &random))
                _ = known.tell(telling.remote(write, write.state, number, write.key), newest: 1) { isAttempted ? [own] : [] }
            }
            let state = ServerState(state: "{\"n\":200}", etag: "e200")
            let sent = Self.operation(1, .v4(using: &random))
            known.answered(.init(server: state, of: sent, isApplied: true), isFollowed: true, at: .init(milliseconds: 1))
            #expect(Self.number(known) == (isAttempted ? 100 : 200))
        }
    }

    @Test(
        "also where a feed tells only the latest state, or nothing but states, it ends as the upstream has it",
        arguments: [
            Telling(isCompact: true), Telling(keys: false, isCompact: true), Telling(etags: false, isCompact: true),
            Telling(keys: false, etags: false, versions: false), Telling(keys: false, etags: false, versions: false, isCompact: true),
        ])
    func endsRight(telling: Telling) {
        for seed in UInt64(0)..<5000 {
            let (_, _, last, wanted) = Self.run(seed: seed, telling)
            guard last == wanted else {
                Issue.record("seed \(seed): ended at \(last) of \(wanted)")
                return
            }
        }
    }

    @Test("marks are kept as text and read again, whatever an ETag holds; marks that can't be read are none")
    func marks() {
        var random = Xoshiro256(seed: 1)
        var known = EntityKnowledge(server: ServerState(state: "{}", etag: "\"w/ \\ é\""))
        let entity = EntityKey(type: "room", id: "\"e\"")
        _ = known.tell(
            RemoteState(entity, ServerState(state: "{}", etag: "\"2\""), version: 7, key: .v4(using: &random)), newest: 3
        ) { [] }
        known.answered(
            .init(server: ServerState(etag: "\"3\""), of: Self.operation(1, .v4(using: &random))), isFollowed: true,
            at: Timestamp(milliseconds: 6))
        _ = known.tell(RemoteState(entity, ServerState(isGone: true), version: 8), newest: 4) { [] }
        _ = known.tell(
            RemoteState(entity, ServerState(state: "{}", etag: "\"9\""), version: 9), newest: 4
        ) { [] }
        for number in 10...60 {
            let remote = RemoteState(entity, ServerState(state: "{}", etag: "\(number)"), version: Int64(number), key: .v4(using: &random))
            _ = known.tell(remote, newest: 4) { [.init(seq: 2, key: .v4(using: &random))] }
        }
        #expect(known.forgotten == 2)
        #expect(known.marks != nil)
        #expect(EntityKnowledge(server: known.server, marks: known.marks) == known)
        #expect(EntityKnowledge(server: known.server, marks: "{]") == EntityKnowledge(server: known.server))
        #expect(EntityKnowledge().marks == nil)
    }

    @Test("what is remembered of one entity has a limit, beyond which the feed is believed")
    func limit() {
        var random = Xoshiro256(seed: 2)
        var known = EntityKnowledge(server: ServerState(state: "{}", etag: "0"))
        let entity = EntityKey(type: "room", id: "e")
        let own = EntityKnowledge.Attempted(seq: 1, key: .v4(using: &random))
        for number in 1...100 {
            let state = ServerState(state: "{\"n\":\(number)}", etag: "\(number)")
            let isTaken = known.tell(RemoteState(entity, state, key: .v4(using: &random)), newest: 1) { [own] }
            #expect(isTaken)
            #expect(known.told.count <= EntityKnowledge.mostTold && known.keys.count <= EntityKnowledge.mostTold)
        }
        known.answered(
            .init(server: ServerState(state: "{}", etag: "1"), of: Self.operation(1, .v4(using: &random))), isFollowed: true,
            at: .init(milliseconds: 1))
        #expect(known.server?.etag == "100")
    }
}
