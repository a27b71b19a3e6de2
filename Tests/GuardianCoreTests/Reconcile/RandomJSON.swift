import GuardianCore
import Testing

/// Seeded entities of a few short names, so that two of them often meet in the same field.
struct RandomJSON {
    /// Cases of each property, for each seed.
    static let cases = 5000

    private var random: Xoshiro256

    init(seed: UInt64) { random = Xoshiro256(seed: seed) }

    /// What a merge gets.
    struct Sides: CustomStringConvertible {
        var base: JSONValue
        var local: JSONValue
        var server: JSONValue

        var description: String { "base \(base.text) local \(local.text) server \(server.text)" }
    }

    /// Runs a property on `cases` drawn inputs; the first that fails is recorded, with its seed and number.
    static func check<Input>(_ seed: UInt64, _ draw: (inout RandomJSON) -> Input, _ holds: (Input) throws -> Bool) rethrows {
        var random = RandomJSON(seed: seed)
        for number in 0..<cases {
            let input = draw(&random)
            guard try holds(input) else {
                Issue.record("seed \(seed), case \(number): \(input)")
                return
            }
        }
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    mutating func wide(bits: Int) -> Int128 { Int128.random(in: -(1 << bits)..<(1 << bits), using: &random) }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    // MARK: Values

    static let scalars: [JSONValue] = [
        nil, true, false, 0, 1, 2, 3, .number("1.0"), .number("2e0"), .number("0.5"), .number("9007199254740993"),
        .number("9007199254740992"), "", "a", "b", "é", "e\u{301}",
    ]

    mutating func scalar() -> JSONValue { pick(Self.scalars) }

    mutating func value(depth: Int) -> JSONValue {
        switch below(depth > 0 ? 5 : 3) {
        case 0, 1: scalar()
        case 2: .array((0..<below(3)).map { _ in scalar() })
        default: object(depth: depth - 1)
        }
    }

    mutating func object(depth: Int = 2, names: [String] = ["a", "b", "c", "d"]) -> JSONValue {
        .object(names.shuffled(using: &random).filter { _ in chance(60) }.map { JSONValue.Member($0, value(depth: depth)) })
    }

    /// The same with some members changed, taken away or added, at every depth.
    mutating func edited(_ object: JSONValue, depth: Int = 2) -> JSONValue {
        var members: [JSONValue.Member] = []
        for member in object.members ?? [] {
            switch below(10) {
            case 0: break
            case 1, 2: members.append(.init(member.name, value(depth: depth)))
            case 3...5 where member.value.members != nil: members.append(.init(member.name, edited(member.value, depth: depth - 1)))
            default: members.append(member)
            }
        }
        let name = pick(["a", "b", "c", "d", "e"])
        if chance(30), !members.contains(where: { $0.name == name }) { members.append(.init(name, value(depth: depth))) }
        return .object(members)
    }

    /// The same in other words: members in another order, numbers in another spelling.
    mutating func reworded(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members): return .object(members.shuffled(using: &random).map { .init($0.name, reworded($0.value)) })
        case .array(let elements): return .array(elements.map { reworded($0) })
        case .number(let text) where !text.contains("e") && !text.contains("."):
            return .number(pick([text, text + ".0", text + "e0", text + "0E-1"]))
        default: return value
        }
    }

    /// Two edits of one entity.
    mutating func sides() -> Sides {
        let base = object()
        return Sides(base: base, local: edited(base), server: edited(base))
    }

    /// Two edits that share no field, and the entity with both.
    mutating func disjointSides(depth: Int = 2) -> (sides: Sides, both: JSONValue) {
        var (base, local, server, both): ([JSONValue.Member], [JSONValue.Member], [JSONValue.Member], [JSONValue.Member]) = ([], [], [], [])
        for name in ["a", "b", "c", "d", "e"] {
            let old = value(depth: 0)
            let new = chance(70) ? JSONValue.Member(name, value(depth: depth)) : nil
            let isNew = chance(30)
            if !isNew, depth > 0, chance(40) {
                let inner = disjointSides(depth: depth - 1)
                base.append(.init(name, inner.sides.base))
                local.append(.init(name, inner.sides.local))
                server.append(.init(name, inner.sides.server))
                both.append(.init(name, inner.both))
                continue
            }
            let was = isNew ? nil : JSONValue.Member(name, old)
            let who = below(3)
            base += [was].compactMap { $0 }
            local += [who == 1 ? new : was].compactMap { $0 }
            server += [who == 2 ? new : was].compactMap { $0 }
            both += [who == 0 ? was : new].compactMap { $0 }
        }
        return (Sides(base: .object(base), local: .object(local), server: .object(server)), .object(both))
    }

    // MARK: Keyed arrays

    /// Elements of `{"id": …}` with different ids.
    mutating func readings() -> JSONValue {
        .array((0..<5).shuffled(using: &random).filter { _ in chance(60) }.map { reading($0) })
    }

    mutating func editedReadings(_ readings: JSONValue) -> JSONValue {
        var elements = (readings.elements ?? []).filter { _ in chance(85) }
        for index in elements.indices where chance(40) {
            if case .object(let members) = edited(elements[index], depth: 1), let id = elements[index]["id"] {
                elements[index] = .object([.init("id", id)] + members.filter { $0.name != "id" })
            }
        }
        if chance(40) { elements.append(reading(5 + below(2))) }
        return .array(elements.shuffled(using: &random))
    }

    private mutating func reading(_ id: Int) -> JSONValue {
        .object([.init("id", JSONValue(id))] + (object(depth: 1, names: ["a", "b", "c"]).members ?? []))
    }
}
