import GuardianCore
import Testing

/// The merge by example; its laws are in `MergePropertyTests`.
@Suite struct MergeTests {
    static func merged(
        _ base: String?, _ local: String, _ server: String, _ merge: ThreeWayMerge = ThreeWayMerge()
    ) throws -> ThreeWayMerge.Merged {
        merge.merged(
            base: try base.map { try JSONValue(parsing: $0) }, local: try JSONValue(parsing: local), server: try JSONValue(parsing: server))
    }

    static func text(_ base: String?, _ local: String, _ server: String, _ merge: ThreeWayMerge = ThreeWayMerge()) throws -> String {
        try merged(base, local, server, merge).value.text
    }

    /// What the rule book says of one field, written down once more: nil is a field that is not there.
    private static func expected(_ base: Int?, _ local: Int?, _ server: Int?, hasBase: Bool, later: ThreeWayMerge.Side) -> Int? {
        if local == server { return local }
        if !hasBase, local == nil || server == nil { return local ?? server }
        if hasBase, local == base { return server }
        if hasBase, server == base { return local }
        return later == .local ? local : server
    }

    @Test("every way in which one field can stand on three sides gives what the rule book says", arguments: ThreeWayMerge.Side.allCases)
    func everyField(later: ThreeWayMerge.Side) {
        let values: [Int?] = [nil, 1, 2, 3]
        func entity(_ value: Int?) -> JSONValue { .object(value.map { [.init("f", JSONValue($0))] } ?? []) }
        let merge = ThreeWayMerge(laterWriter: later)
        for base in values {
            for local in values {
                for server in values {
                    let seen = merge.merged(base: entity(base), local: entity(local), server: entity(server)).value
                    #expect(seen == entity(Self.expected(base, local, server, hasBase: true, later: later)))
                    let blind = merge.merged(base: nil, local: entity(local), server: entity(server)).value
                    #expect(blind == entity(Self.expected(nil, local, server, hasBase: false, later: later)))
                }
            }
        }
    }

    @Test("nested objects merge member by member, at any depth, also where the base has none")
    func nested() throws {
        #expect(
            try Self.text(
                #"{"v":{"p":{"x":1,"y":1}},"n":0}"#, #"{"v":{"p":{"x":2,"y":1}},"n":0}"#, #"{"v":{"p":{"x":1,"y":3}},"n":0}"#)
                == #"{"v":{"p":{"x":2,"y":3}},"n":0}"#)
        #expect(try Self.text("{}", #"{"v":{"x":1}}"#, #"{"v":{"y":2}}"#) == #"{"v":{"y":2,"x":1}}"#)
        #expect(try Self.text(#"{"v":7}"#, #"{"v":{"x":1}}"#, #"{"v":{"y":2}}"#) == #"{"v":{"y":2,"x":1}}"#)
    }

    @Test("a field decided without a rule is reported with its path and its winner; others are not")
    func decisions() throws {
        let (base, local, server) = (
            #"{"v":{"p":1,"q":1},"s":1,"t":1}"#, #"{"v":{"p":2,"q":2},"s":2,"t":1}"#, #"{"v":{"p":3,"q":1},"s":2,"t":9}"#
        )
        let seen = try Self.merged(base, local, server)
        #expect(seen.value.text == #"{"v":{"p":2,"q":2},"s":2,"t":9}"#)
        #expect(seen.decisions == [.init(path: "v.p", rule: "later_writer", winner: .local)])
        let other = try Self.merged(base, local, server, ThreeWayMerge(laterWriter: .server))
        #expect(other.value["v"]?["p"] == 3)
        #expect(other.decisions == [.init(path: "v.p", rule: "later_writer", winner: .server)])
    }

    @Test("to take a field away is a change: against an edit the later writer wins, against nothing it is gone")
    func removal() throws {
        #expect(try Self.text(#"{"a":1,"b":1}"#, #"{"b":1}"#, #"{"a":1,"b":2}"#) == #"{"b":2}"#)
        #expect(try Self.text(#"{"a":1}"#, "{}", #"{"a":2}"#) == "{}")
        #expect(try Self.text(#"{"a":1}"#, "{}", #"{"a":2}"#, ThreeWayMerge(laterWriter: .server)) == #"{"a":2}"#)
        #expect(try Self.text(#"{"a":{"x":1}}"#, #"{"a":{"x":2}}"#, "{}") == #"{"a":{"x":2}}"#)
    }

    @Test("null is a value, not the lack of one")
    func null() throws {
        #expect(try Self.text(#"{"a":1}"#, #"{"a":null}"#, #"{"a":1}"#) == #"{"a":null}"#)
        #expect(try Self.text(#"{"a":null}"#, "{}", #"{"a":null}"#) == "{}")
    }

    @Test("an array is one value where no key is named")
    func wholeArrays() throws {
        let seen = try Self.merged(#"{"a":[1,2]}"#, #"{"a":[1,2,3]}"#, #"{"a":[0,1,2]}"#)
        #expect(seen.value.text == #"{"a":[1,2,3]}"#)
        #expect(seen.decisions == [.init(path: "a", rule: "later_writer", winner: .local)])
        #expect(try Self.text(#"{"a":[1]}"#, #"{"a":[1.0]}"#, #"{"a":[2]}"#) == #"{"a":[2]}"#)
    }

    @Test("system fields are the server's, and only at the top; an id that the server does not name stays, the others go")
    func systemFields() throws {
        #expect(
            try Self.text(
                #"{"id":"l","version":1,"n":1,"updated_at":"x"}"#, #"{"id":"l","version":1,"n":2,"updated_at":"y","createdAt":"z"}"#,
                #"{"version":7,"n":1,"created_at":"w"}"#)
                == #"{"version":7,"n":2,"created_at":"w","id":"l"}"#)
        #expect(try Self.text(#"{"id":"l"}"#, #"{"id":"l"}"#, #"{"id":"s"}"#) == #"{"id":"s"}"#)
        #expect(try Self.text(#"{"v":{"version":1}}"#, #"{"v":{"version":2}}"#, #"{"v":{"version":1}}"#) == #"{"v":{"version":2}}"#)
        let own = ThreeWayMerge(systemFields: .init(["rev"]))
        #expect(
            try Self.text(#"{"rev":1,"version":1}"#, #"{"rev":2,"version":2}"#, #"{"rev":1,"version":1}"#, own) == #"{"rev":1,"version":2}"#
        )
    }

    @Test("of two members with one name the last counts, and the result has one")
    func repeatedNames() throws {
        #expect(try Self.text(#"{"a":1}"#, #"{"a":1,"a":2}"#, #"{"a":9,"a":1,"b":1}"#) == #"{"a":2,"b":1}"#)
    }

    @Test("two spellings of one accented letter are two names and two values")
    func exactNames() throws {
        let (composed, decomposed) = ("\u{E9}", "e\u{301}")
        let merged = ThreeWayMerge().merged(
            base: [:], local: .object([.init(composed, 1)]), server: .object([.init(decomposed, 2)]))
        #expect(merged.value.members?.count == 2)
        #expect(!JSONValue.string(composed).means(.string(decomposed)))
    }

    @Test("rules and system fields count for exactly the name that they were given")
    func exactRules() {
        let (composed, decomposed) = ("\u{E9}", "e\u{301}")
        let fields = SystemFields(["rev" + composed])
        let merge = ThreeWayMerge(rules: [composed: .server], systemFields: fields)
        func merged(_ letter: String) -> JSONValue {
            func entity(_ n: JSONValue, _ rev: JSONValue) -> JSONValue { .object([.init(letter, n), .init("rev" + letter, rev)]) }
            return merge.merged(base: entity(1, 1), local: entity(2, 2), server: entity(3, 1)).value
        }
        #expect(merged(composed).members?.map(\.value.text) == ["3", "1"])
        #expect(merged(decomposed).members?.map(\.value.text) == ["2", "2"])
        #expect(fields.content(of: .object([.init("rev" + composed, 1)])).members?.count == 0)
        #expect(fields.content(of: .object([.init("rev" + decomposed, 1)])).members?.count == 1)
    }

    @Test("a wholly different number of 17 digits is a change: 2^53 and 2^53 + 1 are not the same")
    func hugeIntegers() throws {
        let merged = try Self.text(#"{"n":9007199254740992}"#, #"{"n":9007199254740993}"#, #"{"n":9007199254740992,"m":1}"#)
        #expect(merged == #"{"n":9007199254740993,"m":1}"#)
    }

    @Test("128 levels merge member by member; a deeper value is taken whole from the later writer")
    func depth() throws {
        func nested(_ levels: Int, _ inner: String) -> String {
            String(repeating: #"{"a":"#, count: levels) + inner + String(repeating: "}", count: levels)
        }
        let seen = try Self.text(nested(127, #"{"x":1,"y":1}"#), nested(127, #"{"x":2,"y":1}"#), nested(127, #"{"x":1,"y":2}"#))
        #expect(seen == nested(127, #"{"x":2,"y":2}"#))
        func deep(_ levels: Int, _ inner: JSONValue) -> JSONValue { (0..<levels).reduce(inner) { value, _ in ["a": value] } }
        for (levels, later) in [(128, ThreeWayMerge.Side.local), (200, .local), (200, .server)] {
            let (local, server) = (deep(levels, ["x": 2]), deep(levels, ["y": 2]))
            let whole = ThreeWayMerge(laterWriter: later).merged(base: [:], local: local, server: server)
            #expect(whole.decisions == [.init(path: "", rule: "later_writer", winner: later == .local ? .local : .server)])
            #expect(whole.value.text == (later == .local ? local : server).text)
            #expect(!local.means(local))
        }
    }

    @Test("what is no object is taken whole from the later writer")
    func noObjects() throws {
        #expect(try Self.text(nil, "[1]", #"{"a":1}"#) == "[1]")
        #expect(try Self.text(nil, #"{"a":1}"#, "null", ThreeWayMerge(laterWriter: .server)) == "null")
    }
}
