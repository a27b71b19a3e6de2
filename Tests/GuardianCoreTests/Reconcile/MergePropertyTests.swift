import GuardianCore
import Testing

/// Laws of the merge, on 5 000 drawn entities for each seed. A failure names the seed and the three sides.
@Suite("Laws of the three-way merge") struct MergePropertyTests {
    static let seeds: [UInt64] = [1, 2]

    /// Fields only; what is the server's anyhow has its own tests.
    static let plain = ThreeWayMerge(systemFields: .init([]))

    static let ruled = ThreeWayMerge(
        rules: ["a": .max, "b": .sum, "c": .union, "d": .set, "e": .server, "a.b": .server, "b.c": .min, "c.d": .local],
        systemFields: .init(["id"]))

    @Test("what only the user edited is all there", arguments: seeds)
    func serverUnchanged(seed: UInt64) {
        RandomJSON.check(seed, { $0.sides() }) { sides in
            let merged = Self.plain.merged(base: sides.base, local: sides.local, server: sides.base)
            return merged.value.means(sides.local) && merged.decisions.isEmpty
        }
    }

    @Test("what only the server changed is all there", arguments: seeds)
    func localUnchanged(seed: UInt64) {
        RandomJSON.check(seed, { $0.sides() }) { sides in
            let merged = Self.ruled.merged(base: sides.base, local: sides.base, server: sides.server)
            return merged.value.means(sides.server) && merged.decisions.isEmpty
        }
    }

    @Test("two sides that agree are the result, whatever the base was, and none at all", arguments: seeds)
    func sidesAgree(seed: UInt64) {
        RandomJSON.check(seed, { ($0.sides(), $0.chance(30)) }) { sides, isBlind in
            let merged = Self.ruled.merged(base: isBlind ? nil : sides.base, local: sides.server, server: sides.server)
            return merged.value.means(sides.server) && merged.decisions.isEmpty
        }
    }

    @Test("edits that share no field are both there, nothing is decided by rule, and the sides may be exchanged", arguments: seeds)
    func commutes(seed: UInt64) {
        RandomJSON.check(seed, { $0.disjointSides() }) { sides, both in
            let one = Self.plain.merged(base: sides.base, local: sides.local, server: sides.server)
            let other = Self.plain.merged(base: sides.base, local: sides.server, server: sides.local)
            return one.value.means(both) && other.value.means(both) && one.decisions.isEmpty && other.decisions.isEmpty
        }
    }

    @Test("exchanging the sides and the later writer changes nothing", arguments: seeds)
    func mirrors(seed: UInt64) {
        let mirrored = ThreeWayMerge(laterWriter: .server, systemFields: .init([]))
        RandomJSON.check(seed, { ($0.sides(), $0.chance(30)) }) { sides, isBlind in
            let base = isBlind ? nil : sides.base
            let one = Self.plain.merged(base: base, local: sides.local, server: sides.server)
            let other = mirrored.merged(base: base, local: sides.server, server: sides.local)
            return one.value.means(other.value) && one.decisions.count == other.decisions.count
        }
    }

    @Test("no value is invented: each comes from one of the three, from the same place", arguments: seeds)
    func inventsNothing(seed: UInt64) {
        RandomJSON.check(seed, { ($0.sides(), $0.chance(30), $0.pick(ThreeWayMerge.Side.allCases)) }) { sides, isBlind, later in
            let merge = ThreeWayMerge(laterWriter: later, rules: ["a": .max, "b": .min, "c": .server], systemFields: .init(["d"]))
            let merged = merge.merged(base: isBlind ? nil : sides.base, local: sides.local, server: sides.server)
            return Self.leaves(merged.value).allSatisfy { path, value in
                [sides.local, sides.server].contains { Self.value(of: $0, at: path)?.means(value) ?? false }
            }
        }
    }

    @Test("without a base no field is lost", arguments: seeds)
    func blindKeepsAll(seed: UInt64) {
        RandomJSON.check(seed, { $0.sides() }) { sides in
            let merged = Self.plain.merged(base: nil, local: sides.local, server: sides.server).value
            let names = Set((merged.members ?? []).map(\.name))
            return names == Set(((sides.local.members ?? []) + (sides.server.members ?? [])).map(\.name))
        }
    }

    @Test("merging the result again, with the server's state as base, gives the result, under every rule", arguments: seeds)
    func idempotent(seed: UInt64) {
        RandomJSON.check(seed, { ($0.sides(), $0.chance(30)) }) { sides, isBlind in
            let once = Self.ruled.merged(base: isBlind ? nil : sides.base, local: sides.local, server: sides.server)
            let twice = Self.ruled.merged(base: sides.server, local: once.value, server: sides.server)
            return twice.value.means(once.value) && twice.decisions.isEmpty
        }
    }

    @Test("the order of members and the spelling of numbers do not matter", arguments: seeds)
    func wordingIsNothing(seed: UInt64) {
        func draw(_ random: inout RandomJSON) -> (RandomJSON.Sides, RandomJSON.Sides) {
            let sides = random.sides()
            let base = random.reworded(sides.base)
            return (sides, .init(base: base, local: random.reworded(sides.local), server: random.reworded(sides.server)))
        }
        RandomJSON.check(seed, draw) { sides, reworded in
            let one = Self.ruled.merged(base: sides.base, local: sides.local, server: sides.server)
            let other = Self.ruled.merged(base: reworded.base, local: reworded.local, server: reworded.server)
            return one.value.means(other.value) && one.decisions.map(\.path).sorted() == other.decisions.map(\.path).sorted()
        }
    }

    @Test("members stand in the server's order, what only the local side has behind them", arguments: seeds)
    func keepsOrder(seed: UInt64) {
        RandomJSON.check(seed, { $0.sides() }) { sides in
            let merged = Self.ruled.merged(base: sides.base, local: sides.local, server: sides.server).value
            let (local, server) = ((sides.local.members ?? []).map(\.name), (sides.server.members ?? []).map(\.name))
            let names = (merged.members ?? []).map(\.name)
            return names == (server + local.filter { !server.contains($0) }).filter { names.contains($0) }
        }
    }

    /// An array merged by key is the object of its elements by that key, merged by field.
    @Test("an array merged by key holds what the object of its elements would", arguments: seeds)
    func keyedArrays(seed: UInt64) {
        let keyed = ThreeWayMerge(rules: ["r.a": .max], keys: ["r": "id"])
        let named = ThreeWayMerge(rules: Dictionary(uniqueKeysWithValues: (0..<7).map { ("r.\($0).a", .max) }))
        func draw(_ random: inout RandomJSON) -> RandomJSON.Sides {
            let base = random.readings()
            return .init(base: base, local: random.editedReadings(base), server: random.editedReadings(base))
        }
        RandomJSON.check(seed, draw) { sides in
            let merged = keyed.merged(base: ["r": sides.base], local: ["r": sides.local], server: ["r": sides.server])
            let byName = named.merged(
                base: ["r": Self.named(sides.base)], local: ["r": Self.named(sides.local)], server: ["r": Self.named(sides.server)])
            guard let readings = merged.value["r"], let expected = byName.value["r"] else { return false }
            let ids = Self.ids(readings)
            let serverIDs = Self.ids(sides.server)
            let order = serverIDs + Self.ids(sides.local).filter { !serverIDs.contains($0) }
            // A side that alone changed the array brings its own order.
            let isOneSided = sides.server.means(sides.base) || sides.local.means(sides.base)
            return Self.named(readings).means(expected) && (isOneSided || ids == order.filter { ids.contains($0) })
        }
    }

    // MARK: Looking into values

    private static func ids(_ array: JSONValue) -> [String] { (array.elements ?? []).map { $0["id"]?.text ?? "none" } }

    private static func named(_ array: JSONValue) -> JSONValue {
        .object((array.elements ?? []).map { JSONValue.Member($0["id"]?.text ?? "none", $0) })
    }

    /// Everything but objects, with the names that lead to it.
    private static func leaves(_ value: JSONValue, _ path: [String] = []) -> [(path: [String], value: JSONValue)] {
        guard let members = value.members else { return [(path, value)] }
        return members.flatMap { leaves($0.value, path + [$0.name]) }
    }

    private static func value(of entity: JSONValue, at path: [String]) -> JSONValue? {
        path.reduce(Optional(entity)) { $0?[$1] }
    }
}
