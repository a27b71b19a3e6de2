import GuardianCore
import Testing

/// Every cell of the table in `Reconciler`, for 409 and 412 alike.
@Suite struct ReconcilerTests {
    static let base: JSONValue = ["id": "r1", "version": 1, "name": "Lab", "temp": 20]
    static let local: JSONValue = ["id": "r1", "version": 1, "name": "Office", "temp": 20]
    static let state: JSONValue = ["id": "r1", "version": 4, "name": "Lab", "temp": 22]
    /// The local payload with the server's system fields.
    static let refreshed: JSONValue = ["id": "r1", "version": 4, "name": "Office", "temp": 20]
    static let there = Conflict.Server.present(state, etag: "\"4\"")

    static let merge = ConflictPolicy.merge(ThreeWayMerge())
    static let named: [(name: String, policy: ConflictPolicy)] = [
        ("serverWins", .serverWins), ("clientWins", .clientWins), ("merge", merge), ("manual", .manual),
    ]

    static func conflict(
        _ type: String, _ server: Conflict.Server = there, local: JSONValue? = local, base: JSONValue? = base, round: Int = 1,
        status: Int = 409
    ) -> Conflict {
        Conflict(
            operationType: type, entity: EntityKey(type: "room", id: "r1"), local: local, base: base, server: server, round: round,
            status: status)
    }

    static func decide(_ conflict: Conflict, _ policy: ConflictPolicy) -> Resolution { Reconciler().decide(conflict, policy: policy) }

    /// A resolution with the reason of a person's left out.
    static func kind(_ resolution: Resolution) -> Resolution {
        if case .person(let reason) = resolution { return .person(reason.isEmpty ? "no reason" : "") }
        return resolution
    }

    static func sent(_ payload: JSONValue?, as type: String? = nil, ifMatch: String? = "\"4\"", base: JSONValue? = state) -> Resolution {
        .send(.init(payload: payload, operationType: type, ifMatch: ifMatch, base: base))
    }

    /// The four policies in the order of `named`.
    private func expectRow(
        _ expected: [Resolution], _ type: String, _ server: Conflict.Server = there, local: JSONValue? = local, base: JSONValue? = base,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for status in [409, 412] {
            for ((name, policy), expected) in zip(Self.named, expected) {
                let seen = Self.decide(Self.conflict(type, server, local: local, base: base, status: status), policy)
                #expect(Self.kind(seen) == expected, "\(type) \(name) \(status)", sourceLocation: sourceLocation)
            }
        }
    }

    @Test("a create that finds all it sent is done, under every policy, whatever else the server holds")
    func createSameContent() {
        let sent: JSONValue = ["id": "mine", "name": "Lab", "temp": .number("22.0")]
        expectRow(Array(repeating: .alreadyDone, count: 4), "create", local: sent, base: nil)
        #expect(Self.decide(Self.conflict("create", local: sent), .custom { _ in .takeServer }) == .alreadyDone)
    }

    @Test("a create that finds other content goes by the policy; over the server's state it becomes an update")
    func createOtherContent() {
        let merged: JSONValue = ["id": "r1", "version": 4, "name": "Office", "temp": 20]
        expectRow(
            [.takeServer, Self.sent(Self.refreshed, as: "update"), Self.sent(merged, as: "update"), .person("")], "create", base: nil)
        let partial: JSONValue = ["name": "Office", "area": 12]
        let both: JSONValue = ["id": "r1", "version": 4, "name": "Office", "temp": 22, "area": 12]
        expectRow([.takeServer, Self.sent(partial, as: "update"), Self.sent(both, as: "update"), .person("")], "create", local: partial)
    }

    @Test("a create is merged without the base that it may carry: what the server has beside it is not taken for removed")
    func createIgnoresBase() {
        let seen = Self.decide(Self.conflict("create", local: ["name": "Office"]), Self.merge)
        #expect(seen == Self.sent(["id": "r1", "version": 4, "name": "Office", "temp": 22], as: "update"))
    }

    @Test("a create that was refused although nothing is there is sent again, unless the server's word stands or a person decides")
    func createOverNothing() {
        let again = Self.sent(Self.local, ifMatch: nil, base: nil)
        expectRow([.takeServer, again, again, .person("")], "create", .gone)
    }

    @Test("an update goes by the policy, with the server's ETag and its state as the new base")
    func update() {
        let merged: JSONValue = ["id": "r1", "version": 4, "name": "Office", "temp": 22]
        for type in ["update", "calibrate"] {
            expectRow([.takeServer, Self.sent(Self.refreshed), Self.sent(merged), .person("")], type)
        }
        expectRow(
            [.takeServer, Self.sent(Self.refreshed, ifMatch: nil), Self.sent(merged, ifMatch: nil), .person("")], "update",
            .present(Self.state, etag: nil))
    }

    @Test("an update of what is gone never brings it back by itself")
    func updateOfGone() {
        for type in ["update", "calibrate"] { expectRow([.takeServer, .person(""), .person(""), .person("")], type, .gone) }
        let revived = Resolution.send(.init(payload: Self.local, operationType: "create"))
        #expect(Self.decide(Self.conflict("update", .gone), .custom { _ in revived }) == revived)
    }

    @Test("an update that finds its own content, system fields aside, is done; a custom operation is not known to be")
    func updateSameContent() {
        let same: JSONValue = ["temp": .number("2.2e1"), "version": 1, "name": "Lab"]
        expectRow(Array(repeating: .alreadyDone, count: 4), "update", local: same)
        expectRow(
            [.takeServer, Self.sent(["temp": .number("2.2e1"), "version": 4, "name": "Lab"]), .alreadyDone, .person("")], "calibrate",
            local: same)
        #expect(Self.decide(Self.conflict("update", local: ["name": "Lab"]), .manual) != .alreadyDone)
    }

    @Test("a merge that comes to the server's content has nothing to send")
    func mergeIsServer() {
        let serverDecides = ConflictPolicy.merge(ThreeWayMerge(rules: ["name": .server]))
        let state: JSONValue = ["id": "r1", "version": 4, "name": "Hall", "temp": 20]
        #expect(Self.decide(Self.conflict("update", .present(state, etag: nil)), serverDecides) == .alreadyDone)
        #expect(Self.decide(Self.conflict("update", local: Self.base), Self.merge) == .alreadyDone)
        #expect(Self.decide(Self.conflict("create", .present(state, etag: nil)), serverDecides) == .alreadyDone)
    }

    @Test("a delete of what is gone is done, under every policy")
    func deleteOfGone() {
        expectRow(Array(repeating: .alreadyDone, count: 4), "delete", .gone, local: nil)
        #expect(Self.decide(Self.conflict("delete", .gone), .custom { _ in .takeServer }) == .alreadyDone)
    }

    @Test("a delete of what was changed since: a merge asks a person, and deletes again only what still is the base")
    func delete() {
        expectRow([.takeServer, Self.sent(nil), .person(""), .person("")], "delete", local: nil)
        let touched: JSONValue = ["version": 9, "temp": 20, "name": "Lab", "updated_at": "now"]
        let again = Self.sent(nil, ifMatch: "e", base: touched)
        expectRow([.takeServer, again, again, .person("")], "delete", .present(touched, etag: "e"), local: nil)
        expectRow([.takeServer, Self.sent(["version": 4]), .person(""), .person("")], "delete", local: ["version": 1], base: nil)
    }

    /// A conflict about what its user has seen, as it is there: the request named another ETag.
    private static func stale(
        _ type: String, ifMatch: String? = "\"1\"", etag: String? = "\"4\"", base: JSONValue = state, round: Int = 1
    ) -> Conflict {
        var stale = Self.conflict(
            type, .present(state, etag: etag), local: ["id": "r1", "version": 4, "name": "Office", "temp": 22], base: base, round: round,
            status: 412)
        if type == "delete" { stale.local = nil }
        stale.ifMatch = ifMatch
        return stale
    }

    @Test("a write that only named an old version of what its user has seen is sent again with the one that is there, under every policy")
    func oldVersion() {
        var policies = Self.named
        policies.append((name: "custom", policy: .custom { _ in .takeServer }))
        for type in ["update", "delete", "calibrate"] {
            for (name, policy) in policies {
                for round in 1...3 {
                    let conflict = Self.stale(type, round: round)
                    #expect(Self.decide(conflict, policy) == Self.sent(conflict.local), "\(type) \(name) \(round)")
                }
            }
        }
        // A version in the payload is one too, also where there are no ETags.
        let older = Self.stale("update", ifMatch: nil, etag: nil, base: ["id": "r1", "version": 3, "name": "Lab", "temp": 22])
        for (name, policy) in Self.named {
            var conflict = older
            conflict.local = ["id": "r1", "version": 3, "name": "Office", "temp": 22]
            #expect(Self.decide(conflict, policy) == Self.sent(older.local, ifMatch: nil), "\(name)")
        }
    }

    @Test("one that named what is there, or nothing, or can't name it, was refused for another reason, and goes by the policy")
    func notForItsVersion() {
        let others = [
            Self.stale("update", ifMatch: "\"4\""), Self.stale("update", ifMatch: nil), Self.stale("update", etag: nil),
            Self.stale("update", etag: "W/\"4\""), Self.stale("update", round: 4),
        ]
        for conflict in others {
            #expect(Self.decide(conflict, .serverWins) == .takeServer, "\(conflict)")
            #expect(Self.kind(Self.decide(conflict, .manual)) == .person(""), "\(conflict)")
            #expect(Self.decide(conflict, .custom { _ in .person("asked") }) == .person("asked"), "\(conflict)")
        }
        #expect(Self.kind(Self.decide(Self.stale("update", round: 4), Self.merge)) == .person(""))
    }

    @Test("an operation without a payload is sent again without one")
    func noPayload() {
        expectRow([.takeServer, Self.sent(nil), Self.sent(nil), .person("")], "reset", local: nil)
    }

    @Test("where one side is no object a person decides instead of the merge")
    func noObject() {
        #expect(Self.kind(Self.decide(Self.conflict("update", .present([1], etag: nil)), Self.merge)) == .person(""))
        #expect(Self.kind(Self.decide(Self.conflict("update", .present([1], etag: nil)), .serverWins)) == .takeServer)
    }
}
