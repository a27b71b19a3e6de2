import GuardianCore
import Testing

extension UpcasterTests {
    private func made(
        _ payload: String, rename: [String: String] = [:], set: [String: JSONValue] = [:], remove: [String] = []
    ) throws -> String {
        try Upcaster.declarative(entity: "room", from: 1, to: 2, rename: rename, set: set, remove: remove).cast(JSONValue(parsing: payload))
            .text
    }

    @Test("rename moves members, also into and out of objects, and passes over those that are not there")
    func renames() throws {
        #expect(try made(#"{"a":1,"c":2}"#, rename: ["a": "b"]) == #"{"c":2,"b":1}"#)
        #expect(try made(#"{"c":2}"#, rename: ["a": "b", "c.d": "e"]) == #"{"c":2}"#)
        #expect(try made(#"{"a":1}"#, rename: ["a": "x.y.z"]) == #"{"x":{"y":{"z":1}}}"#)
        #expect(try made(#"{"x":{"y":1,"k":2}}"#, rename: ["x.y": "y"]) == #"{"x":{"k":2},"y":1}"#)
        #expect(try made(#"{"x":{"y":null}}"#, rename: ["x": "w", "x.y": "w.z"]) == #"{"w":{"z":null}}"#)
        #expect(try made(#"{"a":1,"b":2}"#, rename: ["a": "b", "b": "a"]) == #"{"a":2,"b":1}"#)
    }

    @Test("a rename overwrites nothing: the cast fails, and says which two")
    func collides() throws {
        let error = try #require(throws: SyncError.self) { try made(#"{"temp":1,"temperature":2}"#, rename: ["temp": "temperature"]) }
        #expect(error.description == "temperature: is there already, so temp can't be renamed to it")
    }

    @Test("set puts a constant only where no member is, and null is one")
    func sets() throws {
        #expect(try made(#"{}"#, set: ["b": 1, "a": [1, nil], "c.d": "x"]) == #"{"a":[1,null],"b":1,"c":{"d":"x"}}"#)
        #expect(try made(#"{"a":null,"c":{"d":0}}"#, set: ["a": 1, "c.d": 1, "c.e": 1]) == #"{"a":null,"c":{"d":0,"e":1}}"#)
        #expect(throws: SyncError.self) { try made(#"{"c":[{}]}"#, set: ["c.d": 1]) }
    }

    @Test("remove drops members, after what is renamed was taken out of them, and before constants are set")
    func removes() throws {
        #expect(try made(#"{"a":1,"b":{"c":1,"d":2},"e":3}"#, remove: ["a", "b.c", "x", "e.f"]) == #"{"b":{"d":2},"e":3}"#)
        #expect(try made(#"{"old":{"x":1,"y":2}}"#, rename: ["old.x": "x"], remove: ["old"]) == #"{"x":1}"#)
        #expect(try made(#"{"name":1,"title":2}"#, rename: ["title": "name"], remove: ["name"]) == #"{"name":2}"#)
        #expect(try made(#"{"state":1}"#, set: ["state": "new"], remove: ["state"]) == #"{"state":"new"}"#)
        #expect(try made(#"{"a":1,"a":2}"#, remove: ["a"]) == "{}")
    }
}
