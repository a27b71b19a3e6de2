import GuardianCore
import Testing

extension MergeTests {
    typealias Rule = ThreeWayMerge.Rule
    typealias Winner = ThreeWayMerge.Decision.Winner

    /// The field `f` after a merge with that rule, with its winner; nil base for a merge without one.
    private static func decided(
        _ rule: Rule, _ base: String?, _ local: String, _ server: String
    ) throws -> (text: String?, decision: ThreeWayMerge.Decision?) {
        func entity(_ value: String) -> String { value.isEmpty ? "{}" : #"{"f":\#(value)}"# }
        let merged = try merged(base.map(entity), entity(local), entity(server), ThreeWayMerge(rules: ["f": rule]))
        return (merged.value["f"]?.text, merged.decisions.first)
    }

    @Test(
        "each rule decides the field that both sides changed, and says who won",
        arguments: [
            (Rule.local, "1", "2", "3", "2", Winner.local), (.server, "1", "2", "3", "3", .server),
            (.server, "1", "2", "", "", .server), (.local, "1", "", "3", "", .local),
            (.max, "1", "2", "10", "10", .server), (.max, "1", "-2", "-10", "-2", .local), (.min, "1", "2", "10", "2", .local),
            (.min, "1", "-2", "-10", "-10", .server), (.max, "1", "0.25", "0.3", "0.3", .server),
            (.max, "1", "1e3", "999.99", "1e3", .local),
            (.max, "0", "9007199254740993", "9007199254740992", "9007199254740993", .local),
            (.max, "0", "123456789012345678901234567890", "123456789012345678901234567891", "123456789012345678901234567891", .server),
            (.min, "1", "1e-400", "-1e400", "-1e400", .server), (.max, "1", "0", "-0.0001", "0", .local),
            (.sum, "10", "13", "20", "23", .both), (.sum, "10", "7", "20", "17", .both), (.sum, "", "2", "3", "5", .both),
            (.sum, "9007199254740992", "9007199254740993", "9007199254740995", "9007199254740996", .both),
            (.sum, "0.1", "0.3", "0.2", "0.4", .both), (.sum, "1", "0.5", "0.25", "-0.25", .both), (.sum, "5", "3", "2", "0", .both),
            (.sum, "0", "1e50", "2e50", "3e50", .both), (.sum, "0", "99999999999999999999", "1", "100000000000000000000", .both),
            (.union, "[1,2]", "[2,3]", "[1,4]", "[1,4,2,3]", .both),
            (.union, "[]", "[{\"a\":1,\"b\":2}]", "[1.0,{\"b\":2,\"a\":1.0}]", "[1.0,{\"b\":2,\"a\":1.0}]", .both),
            (.union, "[]", "[1,1]", "[2,2]", "[2,1]", .both), (.set, "[1,2,5]", "[2,3,5]", "[1,4,5]", "[4,5,3]", .both),
            (.set, "", "[1]", "[2]", "[2,1]", .both),
        ])
    func rules(rule: Rule, base: String, local: String, server: String, expected: String, winner: Winner) throws {
        let seen = try Self.decided(rule, base, local, server)
        #expect(seen.text == (expected.isEmpty ? nil : expected))
        #expect(seen.decision == .init(path: "f", rule: rule.name, winner: winner))
    }

    @Test(
        "a rule that does not fit the values leaves them to the later writer",
        arguments: [
            (Rule.max, "1", "\"x\"", "3"), (.min, "1", "2", ""), (.sum, "\"1\"", "2", "3"), (.sum, "1", "", "3"),
            (.sum, "0", "1e9999", "1"),
            (.union, "[1]", "[2]", "3"), (.set, "[1]", "2", "[3]"), (.max, "1", "[2]", "{}"),
        ])
    func rulesThatDoNotFit(rule: Rule, base: String, local: String, server: String) throws {
        let seen = try Self.decided(rule, base, local, server)
        #expect(seen.text == (local.isEmpty ? nil : local))
        #expect(seen.decision == .init(path: "f", rule: "later_writer", winner: .local))
    }

    @Test("no rule is asked about a field that one side only changed, or both to the same")
    func rulesAreForConflicts() throws {
        let never = Rule.custom { _ in .value("asked") }
        #expect(try Self.decided(never, "1", "2", "1").text == "2")
        #expect(try Self.decided(never, "1", "1", "2").text == "2")
        #expect(try Self.decided(never, "1", "2", "2.0").text == "2.0")
        #expect(try Self.decided(.max, "5", "5", "3").text == "3")
        #expect(try Self.decided(.server, "5", "", "5").text == nil)
    }

    @Test("without a base a sum can't tell what is new, and the later writer has the field")
    func sumWithoutBase() throws {
        #expect(try Self.decided(.sum, nil, "2", "3").decision == .init(path: "f", rule: "later_writer", winner: .local))
        #expect(try Self.decided(.max, nil, "2", "3").text == "3")
        #expect(try Self.decided(.set, nil, "[2]", "[3]").text == "[3,2]")
    }

    @Test("a function gets all three values and their path; it may keep a side, make a value, or remove the field")
    func custom() throws {
        let joined = Rule.custom { field in
            guard field.path == "f", field.base == "a", let local = field.local?.string, let server = field.server?.string else {
                return field.base == "pass" ? .pass : .remove
            }
            return .value(.string(local + "+" + server))
        }
        let made = try Self.decided(joined, #""a""#, #""b""#, #""c""#)
        #expect(made.text == #""b+c""#)
        #expect(made.decision == .init(path: "f", rule: "custom", winner: .both))
        let removed = try Self.decided(joined, #""z""#, #""b""#, #""c""#)
        #expect(removed.text == nil && removed.decision?.winner == .both)
        let passed = try Self.decided(joined, #""pass""#, "2", "3")
        #expect(passed.text == "2" && passed.decision == .init(path: "f", rule: "later_writer", winner: .local))
        for (rule, winner) in [(Rule.custom { _ in .local }, Winner.local), (.custom { _ in .server }, .server)] {
            #expect(try Self.decided(rule, "1", "2", "3").decision == .init(path: "f", rule: "custom", winner: winner))
        }
    }

    @Test("a rule is found by its whole path, and one for an object takes it as a whole; one that fits no object is passed over")
    func paths() throws {
        let (base, local, server) = (
            #"{"p":{"lat":1,"lon":1},"lat":1}"#, #"{"p":{"lat":2,"lon":1},"lat":2}"#, #"{"p":{"lat":3,"lon":4},"lat":3}"#
        )
        #expect(try Self.text(base, local, server) == #"{"p":{"lat":2,"lon":4},"lat":2}"#)
        #expect(try Self.text(base, local, server, .init(rules: ["p.lat": .server])) == #"{"p":{"lat":3,"lon":4},"lat":2}"#)
        #expect(try Self.text(base, local, server, .init(rules: ["p": .local])) == #"{"p":{"lat":2,"lon":1},"lat":2}"#)
        #expect(try Self.text(base, local, server, .init(rules: ["p": .max, "p.lat": .max])) == #"{"p":{"lat":3,"lon":4},"lat":2}"#)
        #expect(try Self.text(#"{"p.lat":1}"#, #"{"p.lat":2}"#, #"{"p.lat":3}"#, .init(rules: ["p.lat": .server])) == #"{"p.lat":2}"#)
        #expect(
            try Self.text(#"{"r":[]}"#, #"{"r":[{"id":1}]}"#, #"{"r":[{"id":2}]}"#, .init(rules: ["r": .server], keys: ["r": "id"]))
                == #"{"r":[{"id":2}]}"#)
    }

    @Test("the rules that configuration may name have their names back; a function has none to be asked for")
    func names() {
        for name in ["local", "server", "max", "min", "sum", "union", "set"] { #expect(Rule(name: name)?.name == name) }
        #expect(Rule(name: "custom") == nil)
        #expect(Rule(name: "Max") == nil)
    }

    @Test("sums, maxima and minima of numbers of a hundred bits and five decimals are exact", arguments: MergePropertyTests.seeds)
    func exactArithmetic(seed: UInt64) {
        /// A number in units of 10^-5, in one of its spellings.
        func spelled(_ units: Int128, _ way: Int) -> JSONValue {
            let text = String(units.magnitude)
            let padded = String(repeating: "0", count: max(0, 6 - text.count)) + text
            let sign = units < 0 ? "-" : ""
            return .number(way == 0 ? sign + text + "e-5" : sign + padded.dropLast(5) + "." + padded.suffix(5))
        }
        func draw(_ random: inout RandomJSON) -> (units: [Int128], values: [JSONValue]) {
            let bits = random.pick([4, 20, 64, 100])
            let units = (0..<3).map { _ in random.wide(bits: bits) }
            return (units, units.map { spelled($0, random.below(2)) })
        }
        RandomJSON.check(seed, draw) { units, values in
            guard Set(units).count == 3 else { return true }
            let expected = [units[1] + units[2] - units[0], max(units[1], units[2]), min(units[1], units[2])]
            return zip([Rule.sum, .max, .min], expected).allSatisfy { rule, expected in
                let merge = ThreeWayMerge(rules: ["f": rule])
                let merged = merge.merged(base: ["f": values[0]], local: ["f": values[1]], server: ["f": values[2]])
                return merged.value["f"]?.means(spelled(expected, 0)) ?? false
            }
        }
    }
}
