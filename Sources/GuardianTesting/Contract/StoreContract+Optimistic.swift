import GuardianCore

extension StoreContract {
    static let optimisticChecks: [Check] = endingChecks + dependentChecks + viewChecks

    private static let endingChecks: [Check] = [
        Check(name: "a change is committed when the last operation of its token is processed, and told until it is forgotten") { contract in
            try await contract.register("t")
            try await contract.enqueue(["a", "b"]) { $0.txnToken = "t" }
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            try await contract.settle([claims[0]], .processed, fence)
            try contract.expect(try await contract.ends(), [], "endings after the first of two")
            try await contract.settle([claims[1]], .processed, fence)
            try contract.expect(try await contract.ends(), ["t committed"], "endings")
            let ending = try await contract.store.endings(after: 0, limit: 9)[0]
            try contract.expect(ending.change, Self.change("t"), "the change")
            try contract.expect(try await contract.store.endings(after: ending.number, limit: 9), [], "endings after it")
            try await contract.store.forgetEnding(ending.number)
            try contract.expect(try await contract.ends(), [], "endings after it was forgotten")
        },
        Check(name: "a change is rolled back with its reason when an operation of it fails, and told once") { contract in
            try await contract.register("t")
            try await contract.enqueue(["a", "b"]) { $0.txnToken = "t" }
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            let result = try await contract.store.exchange(
                Exchange(
                    fence: fence, now: start,
                    settlements: [Settlement(seq: claims[0].seq, id: claims[0].operation.id, result: .failed(failure))]))
            try contract.expect(result.ended.map(\.reason), [failure], "the reasons that the exchange tells")
            try await contract.settle([claims[1]], .failed(failure), fence)
            try contract.expect(try await contract.ends(), ["t HTTP_422"], "endings")
            try contract.expect(try await contract.store.endings(after: 0, limit: 9), result.ended, "what is told and what is kept")
        },
        Check(name: "a change that a person brings through after all is told as committed then") { contract in
            try await contract.register("t")
            try await contract.enqueue(["a"]) { $0.txnToken = "t" }
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .failed(failure), fence)
            _ = try await contract.store.retry(nil, now: start)
            try await contract.settle(try await contract.claim(fence), .processed, fence)
            try contract.expect(try await contract.ends(), ["t HTTP_422", "t committed"], "endings")
        },
        Check(name: "a change of which an operation is cancelled or cleared is never committed") { contract in
            try await contract.register("t")
            try await contract.register("u")
            try await contract.enqueue(["a", "b"]) { $0.txnToken = "t" }
            try await contract.enqueue(["c", "d"], from: 2) { $0.txnToken = "u" }
            let fence = try await contract.acquire()
            _ = try await contract.store.cancel(.text("a-0"), now: start)
            let claims = try await contract.claim(fence)
            try await contract.settle(claims.filter { $0.operation.entity.id == "c" }, .failed(failure), fence)
            _ = try await contract.store.clearFailed()
            try await contract.settle(claims.filter { $0.operation.entity.id != "c" }, .processed, fence)
            try contract.expect(try await contract.ends(), ["t CANCELLED", "u HTTP_422"], "endings")
        },
        Check(name: "a change whose operation expires, or loses a conflict, is rolled back; the server's state comes with it") { contract in
            for token in ["t", "u"] { try await contract.register(token) }
            try await contract.enqueue(["a"]) {
                $0.txnToken = "t"
                $0.expiresAt = start.adding(milliseconds: 5)
            }
            let fence = try await contract.acquire()
            try contract.expect(try await contract.exchange(fence, after: 9).expired, [.text("a-0")], "what has expired")
            try await contract.enqueue(["b"], from: 1) { $0.txnToken = "u" }
            let claim = try await contract.claim(fence)[0]
            let server = ServerState(state: #"{"n":7}"#)
            _ = try await contract.store.exchange(
                Exchange(
                    fence: fence, now: start,
                    settlements: [Settlement(seq: claim.seq, id: claim.operation.id, result: .overruled, server: server)]))
            try contract.expect(try await contract.ends(), ["t EXPIRED", "u SERVER_WINS"], "endings")
            try contract.expect(try await contract.store.endings(after: 0, limit: 9).map(\.state), [nil, server.state], "states")
        },
        Check(name: "an operation that died with its process three times rolls its change back") { contract in
            guard let processDied = contract.processDied else { return }
            try await contract.register("t")
            try await contract.enqueue(["a"]) { $0.txnToken = "t" }
            for number in 0..<Operation.mostCrashes {
                _ = try await contract.claim(try await contract.acquire("p\(number)"))
                processDied("p\(number)")
            }
            _ = try await contract.claim(try await contract.acquire("last"))
            try contract.expect(try await contract.ends(), ["t CRASH_SUSPECT"], "endings")
        },
        Check(name: "a change whose create and delete cancel each other out is done; one settled by a person for the server is not") {
            contract in
            for token in ["t", "u"] { try await contract.register(token) }
            try await contract.enqueue(["a"]) {
                $0.txnToken = "t"
                $0.type = "create"
                $0.folds = true
            }
            try await contract.enqueue(["a"], from: 1) {
                $0.type = "delete"
                $0.payload = nil
                $0.folds = true
            }
            try contract.expect(try await contract.ends(), ["t committed"], "endings when both have vanished")
            try await contract.enqueue(["b"], from: 2) { $0.txnToken = "u" }
            let fence = try await contract.acquire()
            let conflict = LastError(class: .conflict, code: "HTTP_409", httpStatus: 409, message: "another")
            try await contract.settle(try await contract.claim(fence), .failed(conflict), fence)
            try contract.expect(try await contract.store.resolve(.text("b-2"), nil, now: start), true, "resolved")
            try contract.expect(try await contract.ends(), ["t committed", "u HTTP_409"], "endings")
        },
        Check(name: "a change that has ended adds nothing when it is registered again, for as long as the ledger remembers") { contract in
            try await contract.register("t")
            try await contract.enqueue(["a"]) { $0.txnToken = "t" }
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .processed, fence)
            try contract.expect(try await contract.ends(), ["t committed"], "endings")
            // The app did not hear of it, and begins again.
            try await contract.register("t")
            try await contract.enqueue(["a"]) { $0.txnToken = "t" }
            try contract.expect(try await contract.store.withdraw(txnToken: "t", now: start), false, "an open change without operations")
            try await contract.register("u", dependsOn: "t")
            try contract.expect(try await contract.store.withdraw(txnToken: "u", now: start), true, "one that is built on it")
            _ = try await contract.store.sweepLedger(before: start.adding(milliseconds: 1), limit: 10)
            try await contract.register("t")
            try contract.expect(try await contract.store.withdraw(txnToken: "t", now: start), true, "when it is forgotten")
        },
        Check(name: "a token that nobody registered ends without a word; one without operations can be withdrawn") { contract in
            try await contract.register("t")
            try await contract.enqueue(["a"]) { $0.txnToken = "stranger" }
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .processed, fence)
            try contract.expect(try await contract.ends(), [], "endings")
            try contract.expect(try await contract.store.withdraw(txnToken: "t", now: start), true, "withdrawn")
            try contract.expect(try await contract.store.withdraw(txnToken: "t", now: start), false, "withdrawn again")
            try contract.expect(try await contract.ends(), ["t WITHDRAWN"], "endings")
        },
    ]

    private static let dependentChecks: [Check] = [
        Check(name: "what depends on a change is rolled back with it, newest first; what was never attempted steps out") { contract in
            try await contract.register("t")
            try await contract.register("u", dependsOn: "t")
            try await contract.register("free")
            try await contract.register("v", dependsOn: "u")
            // In the line of the first, in another, and behind a stranger.
            for (number, (entity, token)) in [("a", "t"), ("a", "u"), ("b", "v"), ("c", "free"), ("c", "v"), ("a", "free")].enumerated() {
                try await contract.enqueue([entity], from: number) { $0.txnToken = token }
            }
            let fence = try await contract.acquire()
            let claim = try await contract.claim(fence, 1)
            try contract.expect(contract.names(claim), ["a-0"], "the first")
            try await contract.settle(claim, .failed(failure), fence)
            try contract.expect(try await contract.ends(), ["v DEPENDS_ON", "u DEPENDS_ON", "t HTTP_422"], "endings")
            try contract.expect(contract.names(try await contract.claim(fence)), ["c-3", "a-5"], "what goes on")
            let stored = try await contract.store.operation(.text("a-1"))
            try contract.expect(stored?.status, .failed, "the status of one that depends")
            try contract.expect(stored?.lastError?.class, .dependency, "its class")
            try contract.expect(try await contract.store.books().failed, 4, "failed")
            try contract.expect(try await contract.store.retry(nil, now: start), 4, "retried")
        },
        Check(name: "an attempt of a change that depends is finished, and told when it succeeds") { contract in
            try await contract.register("t")
            try await contract.register("u", dependsOn: "t")
            try await contract.enqueue(["a"]) { $0.txnToken = "t" }
            try await contract.enqueue(["b"], from: 1) { $0.txnToken = "u" }
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            try await contract.settle([claims[0]], .failed(failure), fence)
            try contract.expect(try await contract.store.operation(.text("b-1"))?.status, .processing, "the one on the wire")
            try await contract.settle([claims[1]], .processed, fence)
            try contract.expect(try await contract.ends(), ["u DEPENDS_ON", "t HTTP_422", "u committed"], "endings")
        },
        Check(name: "heads that step out while heads are claimed are not claimed") { contract in
            try await contract.register("t")
            try await contract.register("u", dependsOn: "t")
            try await contract.enqueue(["a"]) {
                $0.txnToken = "t"
                $0.expiresAt = start
            }
            try await contract.enqueue(["b"], from: 1) { $0.txnToken = "u" }
            try await contract.enqueue(["c"], from: 2)
            let result = try await contract.exchange(try await contract.acquire())
            try contract.expect(contract.names(result.claims), ["c-2"], "claims")
            try contract.expect(result.steppedOut.map(\.id), [.text("b-1")], "what stepped out")
        },
        Check(name: "a head that is claimed stays claimed when what it depends on ends in the same round") { contract in
            try await contract.register("t")
            try await contract.register("u", dependsOn: "t")
            try await contract.enqueue(["b"]) { $0.txnToken = "u" }
            try await contract.enqueue(["b"], from: 1)
            try await contract.enqueue(["a"], from: 2) {
                $0.txnToken = "t"
                $0.expiresAt = start
            }
            let fence = try await contract.acquire()
            let result = try await contract.exchange(fence)
            try contract.expect(contract.names(result.claims), ["b-0"], "claims")
            try contract.expect(result.expired, [.text("a-2")], "what expired")
            try contract.expect(result.steppedOut.map(\.id), [], "what stepped out")
            try await contract.settle(result.claims, .processed, fence)
            try contract.expect(contract.names(try await contract.claim(fence)), ["b-1"], "what stood behind it")
            try contract.expect(try await contract.store.check().problems, [], "problems")
        },
        Check(name: "what is registered on a change that was rolled back is rolled back at once") { contract in
            try await contract.register("t")
            try await contract.enqueue(["a"]) { $0.txnToken = "t" }
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .failed(failure), fence)
            try await contract.register("u", dependsOn: "t")
            try contract.expect(try await contract.ends(), ["t HTTP_422", "u DEPENDS_ON"], "endings")
        },
        Check(name: "operations that come after their change was rolled back with what it depends on are set aside, not sent") { contract in
            try await contract.register("t")
            try await contract.register("early", dependsOn: "t")
            try await contract.enqueue(["a"]) { $0.txnToken = "t" }
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .failed(failure), fence)
            try await contract.register("late", dependsOn: "t")
            try await contract.enqueue(["b", "c", "b"], from: 1) { $0.txnToken = $0.entity.id == "b" ? "early" : "late" }
            try await contract.enqueue(["b"], from: 4)
            try contract.expect(contract.names(try await contract.claim(fence)), ["b-4"], "what goes on")
            for name in ["b-1", "c-2", "b-3"] {
                let stored = try await contract.store.operation(.text(name))
                try contract.expect(stored?.lastError?.class, .dependency, "the class of \(name)")
            }
            try contract.expect(try await contract.ends(), ["early DEPENDS_ON", "t HTTP_422", "late DEPENDS_ON"], "endings")
            try contract.expect(try await contract.store.retry([.text("c-2")], now: start), 1, "retried")
            try await contract.settle(try await contract.claim(fence), .processed, fence)
            try contract.expect(try await contract.ends().last, "late committed", "the ending of what a person brings through after all")
            let day = start.adding(milliseconds: 1)
            _ = try await contract.store.sweepLedger(before: day, limit: 10)
            _ = try await contract.store.cancel(.text("b-1"), now: start)
            _ = try await contract.store.cancel(.text("b-3"), now: start)
            _ = try await contract.store.sweepLedger(before: day, limit: 10)
            try await contract.enqueue(["d"], from: 5) { $0.txnToken = "early" }
            try contract.expect(contract.names(try await contract.claim(fence)), ["d-5"], "when it is forgotten")
        },
    ]

    private static let viewChecks: [Check] = [
        Check(name: "the view of an entity has its operations, its oldest open snapshot, and what the server told last") { contract in
            let entity = EntityKey(type: "room", id: "e")
            try contract.expect(try await contract.store.view(of: entity), EntityView(), "the view of nothing")
            try await contract.register("t")
            try await contract.register("u")
            try await contract.enqueue(["e", "e", "f"]) { $0.txnToken = "t" }
            var view = try await contract.store.view(of: entity)
            try contract.expect(view.operations.map(\.id), [.text("e-0"), .text("e-1")], "operations")
            try contract.expect(view.original, Self.change("t").original, "the snapshot")
            try contract.expect(view.server, nil, "the server's state")
            _ = try await contract.remote("e", #"{"version":3,"x":1}"#, etag: "w")
            view = try await contract.store.view(of: entity)
            try contract.expect(view.overlay.state?.text, #"{"version":3,"x":1,"n":1}"#, "the overlay")
            try contract.expect(view.server?.etag, "w", "the ETag of the state")
            let claims = try await contract.claim(try await contract.acquire())
            try contract.expect(claims.map(\.operation.ifMatch), [nil, nil], "the ETags of operations that do not know it")
        },
        Check(name: "a remote state that is older than the known one is not taken") { contract in
            let entity = EntityKey(type: "room", id: "e")
            try contract.expect(try await contract.remote("e", #"{"version":10}"#, etag: "w"), [true], "the first")
            try contract.expect(try await contract.remote("e", #"{"version":9}"#), [false], "an older one")
            try contract.expect(try await contract.remote("e", #"{"version":10,"x":1}"#, etag: "x"), [true], "one of the same age")
            let known = ServerState(state: #"{"version":10,"x":1}"#, etag: "x")
            try contract.expect(try await contract.store.view(of: entity).server, known, "what is known")
            try contract.expect(try await contract.remote("e", nil), [true], "its end")
            try contract.expect(try await contract.store.view(of: entity).server, ServerState(isGone: true), "what is known then")
        },
        Check(name: "an accepted operation stays visible when the upstream says nothing of the state it made") { contract in
            let entity = EntityKey(type: "room", id: "e")
            _ = try await contract.remote("e", #"{"n":-1,"x":1}"#, etag: "w")
            try await contract.enqueue(["e"])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .processed, fence)
            let view = try await contract.store.view(of: entity)
            try contract.expect(view.overlay, Overlay(state: ["n": 0, "x": 1]), "the overlay")
        },
    ]

    private static func change(_ token: String, dependsOn: String? = nil) -> OptimisticChange {
        OptimisticChange(
            txnToken: token, entity: EntityKey(type: "room", id: "e"), original: #"{"of":"\#(token)"}"#, dependsOn: dependsOn)
    }

    func register(_ token: String, dependsOn: String? = nil) async throws {
        try await store.register(Self.change(token, dependsOn: dependsOn), now: Self.start)
    }

    /// The endings that are kept: tokens, and the codes of the reasons.
    private func ends() async throws -> [String] {
        try await store.endings(after: 0, limit: 100).map { "\($0.change.txnToken) \($0.reason?.code ?? "committed")" }
    }

    func remote(_ id: String, _ state: String?, etag: String? = nil) async throws -> [Bool] {
        let server = ServerState(state: state, etag: etag, isGone: state == nil)
        return try await store.saveRemote([RemoteState(EntityKey(type: "room", id: id), server)], now: Self.start)
    }
}
