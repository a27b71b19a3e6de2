import GuardianCore
import Testing

extension ReconcilerTests {
    @Test("three rounds are sent, and the fourth goes to a person, also when the app's function would send for ever")
    func rounds() {
        let stubborn = ConflictPolicy.custom { .send(.init(payload: $0.local)) }
        for type in ["create", "update", "delete", "calibrate"] {
            for (name, policy) in [("clientWins", ConflictPolicy.clientWins), ("merge", Self.merge), ("custom", stubborn)] {
                for round in 1...5 {
                    // What a merge may delete again.
                    let server = type == "delete" ? Conflict.Server.present(Self.base, etag: nil) : Self.there
                    let seen = Self.decide(Self.conflict(type, server, round: round), policy)
                    guard round > 3 else {
                        if case .send = seen { continue }
                        Issue.record("\(type) \(name), round \(round): \(seen)")
                        continue
                    }
                    #expect(seen == .person("not settled in 3 rounds: the server refused each of them"), "\(type) \(name) \(round)")
                }
            }
        }
    }

    @Test("what needs no sending is settled in any round")
    func lateButDone() {
        #expect(Self.decide(Self.conflict("delete", .gone, round: 4), .manual) == .alreadyDone)
        #expect(Self.decide(Self.conflict("update", local: Self.state, round: 4), Self.merge) == .alreadyDone)
        #expect(Self.decide(Self.conflict("update", round: 4), .serverWins) == .takeServer)
        #expect(Self.decide(Self.conflict("update", round: 4), .custom { _ in .takeServer }) == .takeServer)
    }

    @Test("a later round does not take what the server changed in an earlier one for the user's edit")
    func basesMove() throws {
        let first = Self.decide(Self.conflict("update"), Self.merge)
        guard case .send(let revision) = first else {
            Issue.record("\(first)")
            return
        }
        let later: JSONValue = ["id": "r1", "version": 5, "name": "Lab", "temp": 25]
        let second = Self.decide(
            Self.conflict("update", .present(later, etag: "\"5\""), local: revision.payload, base: revision.base, round: 2), Self.merge)
        #expect(second == Self.sent(["id": "r1", "version": 5, "name": "Office", "temp": 25], ifMatch: "\"5\"", base: later))
    }

    @Test(
        "a writer who edits other fields in every round costs no edit, and the round in which he rests settles it",
        arguments: MergePropertyTests.seeds)
    func convergesWithAnotherWriter(seed: UInt64) {
        func draw(_ random: inout RandomJSON) -> (sides: RandomJSON.Sides, both: JSONValue) { random.disjointSides() }
        let policy = ConflictPolicy.merge(ThreeWayMerge(systemFields: .init([])))
        RandomJSON.check(seed, draw) { sides, both in
            let conflict = Conflict(
                operationType: "update", entity: EntityKey(type: "room", id: "r1"), local: sides.local, base: sides.base,
                server: .present(sides.server, etag: nil))
            switch Self.decide(conflict, policy) {
            case .alreadyDone: return both.means(sides.server)
            case .send(let revision):
                guard let payload = revision.payload, payload.means(both), revision.base == sides.server else { return false }
                // The answer was lost, but the write was not: the next refusal finds it there.
                let again = Conflict(
                    operationType: "update", entity: conflict.entity, local: payload, base: revision.base,
                    server: .present(payload, etag: nil), round: 2)
                return Self.decide(again, policy) == .alreadyDone
            default: return false
            }
        }
    }

    @Test("the app's function is asked about all that is undecided, and is told everything")
    func custom() {
        let asked = Self.conflict("update", round: 2, status: 412)
        #expect(Self.decide(asked, .custom { $0 == asked ? .person("asked") : .takeServer }) == .person("asked"))
        #expect(Self.decide(Self.conflict("delete"), .custom { _ in .person("asked") }) == .person("asked"))
        #expect(Self.decide(Self.conflict("create", .gone), .custom { _ in .person("asked") }) == .person("asked"))
    }

    @Test("own system fields are left out of comparisons; a merge brings its own")
    func systemFields() {
        let server = Conflict.Server.present(["rev": 2, "name": "Office"], etag: nil)
        let conflict = Self.conflict("update", server, local: ["rev": 1, "name": "Office"])
        #expect(Reconciler(systemFields: .init(["rev"])).decide(conflict, policy: .manual) == .alreadyDone)
        #expect(Self.kind(Self.decide(conflict, .manual)) == .person(""))
        #expect(Self.decide(conflict, .merge(ThreeWayMerge(systemFields: .init(["rev"])))) == .alreadyDone)
    }

    @Test("the policies that configuration may name have their names back, and a route that says nothing asks a person")
    func names() {
        for name in ConflictPolicy.names { #expect(ConflictPolicy(name: name)?.name == name) }
        #expect(ConflictPolicy(name: "custom") == nil)
        #expect(ConflictPolicy(name: "serverWins") == nil)
        #expect(ConflictPolicy.standard.name == "manual")
        let merge = ConflictPolicy(name: "merge", merge: ThreeWayMerge(laterWriter: .server))
        if case .merge(let merge)? = merge { #expect(merge.laterWriter == .server) } else { Issue.record("no merge") }
    }
}
