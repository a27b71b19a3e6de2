import GuardianCore

extension StoreContract {
    static let feedChecks: [Check] = cursorChecks + orderChecks + ifMatchChecks + forgettingChecks

    private static let cursorChecks: [Check] = [
        Check(name: "a feed's cursor is kept with what it told; one that does not follow the kept one keeps nothing") { contract in
            try contract.expect(try await contract.store.feedCursor(of: "f"), nil, "the cursor of a feed that is new")
            try await contract.tell([("e", #"{"n":1}"#)], after: nil, "c1")
            try contract.expect(try await contract.store.feedCursor(of: "f"), "c1", "the cursor")
            try await contract.expectStale("a mark that skips one") { () async throws(StoreError) in
                let state = RemoteState(Self.entity("e"), ServerState(state: #"{"n":9}"#))
                _ = try await contract.store.saveRemote([state], mark: FeedMark(feed: "f", after: "c7", cursor: "c8"), now: Self.start)
            }
            try contract.expect(try await contract.state("e"), #"{"n":1}"#, "the state after a mark that was refused")
            try contract.expect(try await contract.store.feedCursor(of: "f"), "c1", "the cursor after it")
            try await contract.tell([], after: "c1", "c2")
            try await contract.tell([], of: "g", after: nil, "other")
            try contract.expect(try await contract.store.feedCursor(of: "f"), "c2", "the cursor of a batch without changes")
        },
        Check(name: "a feed that has told nothing yet is behind what is answered") { contract in
            let mark = FeedMark(feed: "f", after: nil, cursor: nil)
            _ = try await contract.store.saveRemote([], mark: mark, now: Self.start)
            try contract.expect(try await contract.store.feedCursor(of: "f"), nil, "the cursor")
            try await contract.enqueue(["e"])
            try await contract.answer("e", #"{"n":0}"#, etag: "ours")
            let taken = try await contract.tell([("e", #"{"n":8}"#)], after: nil, "c1", etag: "theirs", key: Self.key(1))
            try contract.expect(taken, [false], "an older change")
            try contract.expect(try await contract.state("e"), #"{"n":0}"#, "the state")
        },
        Check(name: "a feed that tells a version again, or an older one, changes nothing; what is made again may begin at 1") { contract in
            try await contract.tell([("e", #"{"n":5}"#)], after: nil, "c1", version: 5)
            let answers = try await contract.tell([("e", #"{"n":5,"again":1}"#)], after: "c1", "c2", version: 5)
            try contract.expect(answers, [false], "the same version")
            try contract.expect(try await contract.tell([("e", #"{"n":4}"#)], after: "c2", "c3", version: 4), [false], "an older one")
            try contract.expect(try await contract.state("e"), #"{"n":5}"#, "the state")
            try contract.expect(try await contract.tell([("e", nil)], after: "c3", "c4", version: 5), [true], "its end")
            try contract.expect(try await contract.tell([("e", #"{"n":1}"#)], after: "c4", "c5", version: 1), [true], "made again")
            try contract.expect(try await contract.state("e"), #"{"n":1}"#, "the state then")
        },
    ]

    private static let orderChecks: [Check] = [
        Check(name: "however much others write, an answer is known again if the feed has told of it, and taken if not") { contract in
            let key = try await contract.follow("e")
            try await contract.enqueue(["e"], from: 1)
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), contract.retryLater(1, charged: false), fence)
            _ = try await contract.tell([("e", #"{"n":0}"#)], after: "c1", "c2", version: 2, etag: "ours", key: key)
            for number in 3...90 {
                try await contract.tell(
                    [("e", #"{"n":\#(number)}"#)], after: "c\(number - 1)", "c\(number)", version: Int64(number), etag: "v\(number)",
                    key: Self.key(UInt64(number)))
            }
            try contract.expect(try await contract.store.view(of: Self.entity("e")).reached, [.text("e-0")], "what the feed has reached")
            let late = try await contract.claim(fence, after: 1000)
            try contract.expect(contract.names(late), ["e-0"], "the claim")
            try await contract.settle(late, fence, ServerState(state: #"{"n":0}"#, etag: "ours"))
            try contract.expect(try await contract.state("e"), #"{"n":90}"#, "the state after an answer that the feed has told of")
            try await contract.settle(try await contract.claim(fence), fence, ServerState(state: #"{"n":91}"#, etag: "v91"))
            try contract.expect(try await contract.state("e"), #"{"n":91}"#, "the state after one that it has not")
        },
        Check(name: "what a feed tells behind an answer is older until it has told of that write; nothing goes back meanwhile") {
            contract in
            let key = try await contract.follow("e")
            try await contract.answer("e", #"{"n":0}"#, etag: "ours")
            try contract.expect(
                try await contract.tell([("e", #"{"n":8}"#)], after: "c1", "c2", version: 2, etag: "theirs", key: Self.key(1)), [false],
                "an older change")
            try contract.expect(try await contract.state("e"), #"{"n":0}"#, "the state")
            try contract.expect(
                try await contract.tell([("e", #"{"n":0,"x":1}"#)], after: "c2", "c3", version: 3, etag: "ours", key: key), [true],
                "our own")
            try contract.expect(
                try await contract.tell([("e", #"{"n":9}"#)], after: "c3", "c4", version: 4, etag: "later", key: Self.key(2)), [true],
                "a later one")
            try contract.expect(try await contract.state("e"), #"{"n":9}"#, "the state at the end")
        },
        Check(name: "an answer that comes after the feed has told of it, and of what came later, changes nothing") { contract in
            let key = try await contract.follow("e")
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            try await contract.tell([("e", #"{"n":0}"#)], after: "c1", "c2", version: 2, etag: "ours", key: key)
            try await contract.tell([("e", #"{"n":7}"#)], after: "c2", "c3", version: 3, etag: "theirs", key: Self.key(1))
            let view = try await contract.store.view(of: Self.entity("e"))
            try contract.expect(view.overlay, Overlay(state: ["n": 7], isPending: true), "an effect that was told is not replayed")
            try await contract.settle(claims, fence, ServerState(state: #"{"n":0}"#, etag: "ours"))
            try contract.expect(try await contract.state("e"), #"{"n":7}"#, "the state")
            try contract.expect(try await contract.tell([("e", #"{"n":8}"#)], after: "c3", "c4", version: 4), [true], "the next change")
        },
        Check(name: "an answer without a word takes its operation in, unless the feed has told of it") { contract in
            let key = try await contract.follow("e")
            try await contract.enqueue(["e"], from: 1)
            let fence = try await contract.acquire()
            let first = try await contract.claim(fence)
            try await contract.tell([("e", #"{"n":0,"x":1}"#)], after: "c1", "c2", version: 2, key: key)
            try await contract.tell([("e", #"{"n":7,"x":2}"#)], after: "c2", "c3", version: 3, key: Self.key(1))
            try await contract.settle(first, .processed, fence)
            try contract.expect(try await contract.state("e"), #"{"n":7,"x":2}"#, "the state")
            try await contract.settle(try await contract.claim(fence), .processed, fence)
            try contract.expect(try await contract.state("e"), #"{"n":1,"x":2}"#, "the state with the second one")
        },
        Check(name: "what was passed over is taken after a while, also when nobody ever tells of the write that was awaited") { contract in
            _ = try await contract.follow("e")
            try await contract.answer("e", #"{"n":0}"#, etag: "ours")
            try await contract.tell([("e", #"{"n":8}"#)], after: "c1", "c2", version: 2, etag: "theirs", key: Self.key(1))
            let (early, late) = (EntityKnowledge.patienceMs - 1, EntityKnowledge.patienceMs)
            for (ms, taken, state) in [(early, [], #"{"n":0}"#), (late, [Self.entity("e")], #"{"n":8}"#), (late, [], #"{"n":8}"#)] {
                let found = try await contract.store.takePassed(now: start.adding(milliseconds: ms), limit: 9)
                try contract.expect(found, taken, "taken after \(ms) ms")
                try contract.expect(try await contract.state("e"), state, "the state after \(ms) ms")
            }
        },
        Check(name: "what was made under an id of the upstream's own is never newer than what a feed has told of it") { contract in
            try await contract.tell([("other", #"{"n":1}"#)], after: nil, "c1")
            try await contract.enqueue(["local"]) {
                $0.type = "create"
                $0.references = [Reference(to: $0.entity)]
            }
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            try await contract.enqueue(["local"], from: 1) { $0.references = [Reference(to: $0.entity)] }
            let key = claims[0].operation.idempotencyKey
            try await contract.tell([("S", #"{"n":0}"#)], after: "c1", "c2", version: 1, etag: "v1", key: key)
            try await contract.tell([("S", #"{"n":5}"#)], after: "c2", "c3", version: 2, etag: "v2", key: Self.key(1))
            try await contract.settle(claims, fence, ServerState(state: #"{"n":0}"#, etag: "v1"), id: "S")
            try contract.expect(try await contract.store.view(of: Self.entity("S")).server?.state, #"{"n":5}"#, "the state")
            let next = try await contract.claim(fence)
            try contract.expect(next.map(\.operation.entity.id), ["S"], "what goes next")
            try contract.expect(next.map(\.operation.ifMatch), ["v1"], "the ETag that it was made on")
        },
        Check(name: "after a reset what was read anew stands, whatever was awaited") { contract in
            _ = try await contract.follow("e")
            try await contract.answer("e", #"{"n":0}"#, etag: "ours")
            let state = RemoteState(Self.entity("e"), ServerState(state: #"{"n":3}"#, etag: "read"), version: 1)
            let taken = try await contract.store.saveRemote(
                [state], mark: FeedMark(feed: "f", after: "c1", cursor: "c9", isReset: true), now: start)
            try contract.expect(taken, [true], "taken")
            try contract.expect(try await contract.state("e"), #"{"n":3}"#, "the state")
        },
    ]

    private static let ifMatchChecks: [Check] = [
        Check(name: "who was enqueued before a remote change names the ETag it was made on, who came after it the change's") { contract in
            _ = try await contract.remote("e", #"{"n":1}"#, etag: "one")
            try await contract.enqueue(["e"])
            _ = try await contract.remote("e", #"{"n":2}"#, etag: "two")
            try await contract.enqueue(["e"], from: 1)
            let fence = try await contract.acquire()
            let first = try await contract.claim(fence)
            try contract.expect(first.map(\.operation.ifMatch), ["one"], "of the first")
            _ = try await contract.store.cancel(.text("e-1"), now: start)
            try await contract.settle(first, .failed(failure), fence)
            try await contract.enqueue(["e"], from: 2)
            try contract.expect(try await contract.claim(fence).map(\.operation.ifMatch), ["two"], "of one that knows it")
            _ = try await contract.store.retry(nil, now: start)
        },
        Check(name: "who waits behind an answer names its ETag, also where a feed has told of that write or of later ones") { contract in
            let key = try await contract.follow("e")
            try await contract.enqueue(["e"], from: 1)
            let fence = try await contract.acquire()
            let first = try await contract.claim(fence)
            try await contract.tell([("e", #"{"n":0}"#)], after: "c1", "c2", version: 2, etag: "ours", key: key)
            try await contract.settle(first, fence, ServerState(etag: "ours"))
            let second = try await contract.claim(fence)
            try contract.expect(second.map(\.operation.ifMatch), ["ours"], "behind an answer that was told")
            try await contract.enqueue(["e"], from: 2)
            let own = second[0].operation.idempotencyKey
            try await contract.tell([("e", #"{"n":1}"#)], after: "c2", "c3", version: 3, etag: "ours2", key: own)
            try await contract.tell([("e", #"{"n":6}"#)], after: "c3", "c4", version: 4, etag: "theirs", key: Self.key(1))
            try await contract.settle(second, fence, ServerState(etag: "ours2"))
            try contract.expect(try await contract.claim(fence).map(\.operation.ifMatch), ["ours2"], "behind one that was overtaken")
        },
    ]

    private static let forgettingChecks: [Check] = [
        Check(name: "what nothing was heard of for 90 days is forgotten, but not while an operation is stored or a feed keeps it") {
            contract in
            for id in ["a", "b", "c"] { _ = try await contract.remote(id, #"{"n":1}"#, etag: "w") }
            try await contract.enqueue(["b"])
            func sweep(_ days: Int64) async throws {
                _ = try await contract.store.sweepLedger(before: start.adding(milliseconds: days * 86_400_000), limit: 100)
            }
            try await sweep(88)
            try contract.expect(try await contract.state("a"), #"{"n":1}"#, "after 89 days")
            try await contract.tell([], after: nil, "c1")
            try await sweep(90)
            try contract.expect(try await contract.state("a"), #"{"n":1}"#, "what a feed keeps up to date")
            try contract.expect(try await contract.store.view(of: Self.entity("b")).server?.etag, "w", "what an operation waits for")
            _ = try await contract.remote("d", nil)
            try await sweep(90)
            try contract.expect(try await contract.store.view(of: Self.entity("d")).server, nil, "what is gone")
        },
        Check(name: "where no feed is followed, a state is forgotten after 90 days too") { contract in
            for id in ["a", "b"] { _ = try await contract.remote(id, #"{"n":1}"#, etag: "w") }
            try await contract.enqueue(["b"])
            _ = try await contract.store.sweepLedger(before: start.adding(milliseconds: 90 * 86_400_000), limit: 100)
            try contract.expect(try await contract.store.view(of: Self.entity("a")).server, nil, "what nobody spoke of")
            try contract.expect(try await contract.store.view(of: Self.entity("b")).server?.etag, "w", "what an operation waits for")
        },
    ]

    // MARK: Words of these checks

    private static func entity(_ id: String) -> EntityKey { EntityKey(type: "room", id: id) }

    /// Of somebody else's write.
    private static func key(_ n: UInt64) -> UniqueID { UniqueID(high: 0x4000, low: n) }

    /// The feed `f` has told of an entity, and an operation of it waits. Returns its key.
    private func follow(_ id: String) async throws -> UniqueID? {
        try await tell([(id, #"{"n":-1}"#)], after: nil, "c1", version: 1, etag: "old")
        try await enqueue([id])
        return try await store.operation(.text("\(id)-0"))?.idempotencyKey
    }

    /// What waits is delivered and answered.
    private func answer(_ id: String, _ state: String?, etag: String) async throws {
        let fence = try await acquire()
        try await settle(try await claim(fence), fence, ServerState(state: state, etag: etag))
    }

    private func settle(_ claims: [Claim], _ fence: Fence, _ server: ServerState, id: String? = nil) async throws {
        let settlements = claims.map {
            Settlement(seq: $0.seq, id: $0.operation.id, result: .processed, server: server, assignedID: id)
        }
        let settled = try await store.exchange(Exchange(fence: fence, now: Self.start, settlements: settlements)).settled
        try expect(settled, claims.map { _ in true }, "settled")
    }

    @discardableResult
    private func tell(
        _ states: [(id: String, state: String?)], of feed: String = "f", after: String?, _ cursor: String, version: Int64? = nil,
        etag: String? = nil, key: UniqueID? = nil
    ) async throws -> [Bool] {
        let remote = states.map { id, state in
            RemoteState(
                Self.entity(id), ServerState(state: state, etag: state == nil ? nil : etag, isGone: state == nil), version: version,
                key: key)
        }
        return try await store.saveRemote(remote, mark: FeedMark(feed: feed, after: after, cursor: cursor), now: Self.start)
    }

    /// What is known of an entity's state at the upstream.
    private func state(_ id: String) async throws -> String? { try await store.view(of: Self.entity(id)).server?.state }
}
