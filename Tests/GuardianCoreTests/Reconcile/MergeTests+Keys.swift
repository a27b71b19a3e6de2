import GuardianCore
import Testing

extension MergeTests {
    private static let byID = ThreeWayMerge(keys: ["r": "id"])

    @Test("elements matched by key merge like fields: edits of both, additions of both, removals of either")
    func keyedElements() throws {
        let merged = try Self.merged(
            #"{"r":[{"id":1,"v":1,"w":1},{"id":2,"v":1},{"id":3,"v":1}]}"#,
            #"{"r":[{"id":5,"v":5},{"id":3,"v":1},{"id":1,"v":2,"w":1}]}"#,
            #"{"r":[{"id":2,"v":1},{"id":1,"v":1,"w":2},{"id":4,"v":4}]}"#, Self.byID)
        #expect(merged.value.text == #"{"r":[{"id":1,"v":2,"w":2},{"id":4,"v":4},{"id":5,"v":5}]}"#)
        #expect(merged.decisions.isEmpty)
    }

    @Test("a field of an element is decided by the path without the element, and reported with it")
    func keyedDecisions() throws {
        let merge = ThreeWayMerge(rules: ["r.v": .max], keys: ["r": "id"])
        let merged = try Self.merged(
            #"{"r":[{"id":"x","v":1,"w":1}]}"#, #"{"r":[{"id":"x","v":5,"w":2}]}"#, #"{"r":[{"id":"x","v":9,"w":3}]}"#, merge)
        #expect(merged.value.text == #"{"r":[{"id":"x","v":9,"w":2}]}"#)
        #expect(
            merged.decisions == [
                .init(path: "r[x].v", rule: "max", winner: .server), .init(path: "r[x].w", rule: "later_writer", winner: .local),
            ])
    }

    @Test("an element that one side removed and the other edited goes to the later writer")
    func keyedRemoval() throws {
        let (base, local, server) = (#"{"r":[{"id":1,"v":1},{"id":2}]}"#, #"{"r":[{"id":2}]}"#, #"{"r":[{"id":1,"v":2},{"id":2}]}"#)
        #expect(try Self.text(base, local, server, Self.byID) == #"{"r":[{"id":2}]}"#)
        #expect(try Self.merged(base, local, server, Self.byID).decisions == [.init(path: "r[1]", rule: "later_writer", winner: .local)])
        #expect(try Self.text(base, local, server, ThreeWayMerge(laterWriter: .server, keys: ["r": "id"])) == server)
    }

    @Test("a rule for the array is not asked about its elements")
    func ruleOfTheArray() throws {
        let passing = ThreeWayMerge(rules: ["r": .custom { $0.path == "r" ? .pass : .remove }], keys: ["r": "id"])
        #expect(try Self.text(nil, #"{"r":[{"id":1,"a":1}]}"#, #"{"r":[{"id":1,"b":1}]}"#, passing) == #"{"r":[{"id":1,"b":1,"a":1}]}"#)
    }

    @Test("arrays by key inside elements of arrays by key")
    func keyedInKeyed() throws {
        let merge = ThreeWayMerge(keys: ["r": "id", "r.d": "mac"])
        let merged = try Self.text(
            #"{"r":[{"id":1,"d":[{"mac":"m","on":0,"off":0}]}]}"#, #"{"r":[{"id":1,"d":[{"mac":"m","on":1,"off":0}]}]}"#,
            #"{"r":[{"id":1,"d":[{"mac":"m","on":0,"off":1}]}]}"#, merge)
        #expect(merged == #"{"r":[{"id":1,"d":[{"mac":"m","on":1,"off":1}]}]}"#)
    }

    @Test("keys are equal when they mean the same, and a number is not its text")
    func keyEquality() throws {
        #expect(try Self.text(nil, #"{"r":[{"id":1.0,"a":1}]}"#, #"{"r":[{"id":1,"b":1}]}"#, Self.byID) == #"{"r":[{"id":1,"b":1,"a":1}]}"#)
        #expect(try Self.text(nil, #"{"r":[{"id":"1"}]}"#, #"{"r":[{"id":1}]}"#, Self.byID) == #"{"r":[{"id":1},{"id":"1"}]}"#)
    }

    @Test(
        "an element without the key, or a key that is there twice, on any side, makes the array one value",
        arguments: [
            (#"[{"id":1}]"#, #"[{"id":2},{"x":1}]"#, #"[{"id":3}]"#), (#"[{"id":1}]"#, #"[{"id":2}]"#, #"[{"id":3},7]"#),
            (#"[{"id":null}]"#, #"[{"id":2}]"#, #"[{"id":3}]"#), (#"[]"#, #"[{"id":2},{"id":2.0}]"#, #"[{"id":3}]"#),
            (#"[]"#, #"[{"id":{}}]"#, #"[{"id":3}]"#), (#"[]"#, #"[{"id":2}]"#, #"{"id":3}"#),
        ])
    func wholeAgain(base: String, local: String, server: String) throws {
        let merged = try Self.merged(#"{"r":\#(base)}"#, #"{"r":\#(local)}"#, #"{"r":\#(server)}"#, Self.byID)
        #expect(merged.value.text == #"{"r":\#(local)}"#)
        #expect(merged.decisions == [.init(path: "r", rule: "later_writer", winner: .local)])
    }

    @Test("a hundred thousand elements by key, and as a set, merge without comparing each with each")
    func longArrays() {
        func array(_ ids: Range<Int>, by key: String?) -> JSONValue {
            .array(ids.map { id in key.map { .object([.init($0, JSONValue(id))]) } ?? JSONValue(id) })
        }
        let merge = ThreeWayMerge(rules: ["s": .union], keys: ["r": "id"])
        let merged = merge.merged(
            base: nil, local: ["r": array(10_000..<60_000, by: "id"), "s": array(10_000..<60_000, by: nil)],
            server: ["r": array(0..<50_000, by: "id"), "s": array(0..<50_000, by: nil)]
        ).value
        #expect(merged["r"]?.elements?.count == 60_000)
        #expect(merged["s"] == array(0..<60_000, by: nil))
    }
}
