import GuardianCore
import Testing

@Suite("What two JSON values mean") struct MeaningTests {
    @Test(
        "spellings of one number are equal",
        arguments: [
            ["0", "-0", "0.0", "0e9", "-0.00e-7", "0e99999999999999999999"], ["1", "1.0", "1e0", "10e-1", "0.1e1", "1E+00", "0.00001e5"],
            ["1200", "1.2e3", "12e2", "1200.000"], ["-0.5", "-5e-1", "-0.50"], ["1e400", "10e399"],
        ])
    func sameNumbers(texts: [String]) throws {
        for one in texts {
            for other in texts where one != other {
                // An exponent beyond all bounds is compared by its text.
                let isBeyond = one.count > 12 || other.count > 12
                #expect(try JSONValue(parsing: one).means(JSONValue(parsing: other)) == !isBeyond, "\(one) \(other)")
            }
            #expect(try JSONValue(parsing: one).means(JSONValue(parsing: one)))
        }
    }

    @Test(
        "these are not equal",
        arguments: [
            ("1", "-1"), ("1", "10"), ("9007199254740992", "9007199254740993"), ("0.1", "0.10000000000000001"), ("1", "\"1\""),
            ("0", "false"),
            ("null", "false"), ("[]", "{}"), ("[1,2]", "[2,1]"), ("[1]", "[1,1]"), ("[[1],2]", "[[1,2]]"),
            (#"{"a":1}"#, #"{"a":1,"b":null}"#),
            (#"{"a":{"b":1}}"#, #"{"a":{"b":2}}"#), (#"{"a":1,"a":2}"#, #"{"a":2,"a":1}"#), (#"["a,b"]"#, #"["a","b"]"#),
            (#""é""#, #""e\u0301""#),
        ])
    func different(one: String, other: String) throws {
        #expect(try !JSONValue(parsing: one).means(JSONValue(parsing: other)))
        #expect(try !JSONValue(parsing: other).means(JSONValue(parsing: one)))
    }

    @Test("the order of members is nothing, at any depth, and of repeated names the last counts")
    func order() throws {
        #expect(
            try JSONValue(parsing: #"{"a":[{"x":1,"y":[2]}],"b":null}"#).means(JSONValue(parsing: #"{"b":null,"a":[{"y":[2.0],"x":1}]}"#)))
        #expect(try JSONValue(parsing: #"{"a":1,"a":2}"#).means(JSONValue(parsing: #"{"a":2}"#)))
    }

    @Test(
        "an entity means itself in other words, and not with one field changed, over seeded entities", arguments: MergePropertyTests.seeds)
    func words(seed: UInt64) {
        func draw(_ random: inout RandomJSON) -> (JSONValue, JSONValue) {
            let value = random.object()
            return (value, random.reworded(value))
        }
        RandomJSON.check(seed, draw) { value, reworded in
            let changed = JSONValue.object((reworded.members ?? []).dropLast() + [.init("z", 1)])
            return value.means(reworded) && reworded.means(value) && value.holds(reworded) && !value.means(changed) && !value.holds(changed)
        }
    }

    @Test(
        "a state holds what was sent when every field of it is there, with more beside it",
        arguments: [
            (#"{"a":1,"b":2}"#, #"{"a":1.0}"#, true), (#"{"a":1}"#, "{}", true), (#"{"a":{"x":1,"y":2}}"#, #"{"a":{"y":2}}"#, true),
            (#"{"a":[{"x":1,"id":7}]}"#, #"{"a":[{"x":1}]}"#, true), (#"{"a":1}"#, #"{"a":2}"#, false), (#"{"a":1}"#, #"{"b":1}"#, false),
            (#"{"a":[1,2]}"#, #"{"a":[1]}"#, false), (#"{}"#, #"{"a":null}"#, false), (#"{"a":{"x":1}}"#, #"{"a":{"x":1,"y":2}}"#, false),
            (#"{"a":[]}"#, #"{"a":{}}"#, false),
        ])
    func holds(state: String, sent: String, expected: Bool) throws {
        #expect(try JSONValue(parsing: state).holds(JSONValue(parsing: sent)) == expected)
    }
}
