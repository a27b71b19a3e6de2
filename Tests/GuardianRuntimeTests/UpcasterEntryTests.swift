import Foundation
import GuardianCore
import GuardianRuntime
import Testing

@Suite struct UpcasterEntryTests {
    private func upcasters(_ yaml: String) throws -> Upcasters {
        let file = NSTemporaryDirectory() + "/guardian-upcasters-" + UUID().uuidString + ".yaml"
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        return try Assembly(try Settings(file: file)).upcasters()
    }

    private func cast(_ payload: String, _ casters: Upcasters, version: Int = 1) -> Upcasters.Cast {
        var random = Xoshiro256(seed: 1)
        return casters.cast(
            GuardianCore.Operation(
                id: .text("a"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update",
                entity: EntityKey(type: "room", id: "1"), payload: payload, schemaVersion: version, enqueuedAt: Timestamp(milliseconds: 0)))
    }

    @Test("without the key there are no casters; with it there are those it lists")
    func reads() throws {
        #expect(try upcasters("workers: 4\n") == Upcasters())
        let casters = try upcasters(
            """
            upcasters:
              - { entity: room, from: 1, to: 2, rename: { temp: climate.temperature }, remove: [legacy] }
              - entity: "*"
                from: 2
                to: 3
                set: { unit: celsius, checked: true, floor: 2, share: 0.5, tags: [a, 1], code: "7", deep: { x: null } }
            """)
        #expect(casters.current(for: "room") == 3)
        #expect(casters.current(for: "user") == 3)
        let cast = cast(#"{"temp":21,"legacy":1,"floor":null}"#, casters)
        let payload =
            #"{"floor":null,"climate":{"temperature":21},"checked":true,"code":"7","deep":{"x":null},"share":0.5,"#
            + #""tags":["a",1],"unit":"celsius"}"#
        #expect(cast == .changed(payload: payload, schemaVersion: 3))
    }

    @Test(
        "what is wrong is named by its place",
        arguments: [
            ("room", "upcasters: must be a list of maps"),
            ("[room]", "upcasters[0]: must be a map"),
            ("[{ entity: room, from: 1, to: 2, renam: {} }]", "upcasters[0].renam: is not a known key; did you mean rename?"),
            ("[{ from: 1, to: 2 }]", "upcasters[0].entity: must be an entity type"),
            ("[{ entity: 'a b', from: 1, to: 2 }]", "upcasters[0].entity: must match"),
            ("[{ entity: room, from: one, to: 2 }]", "upcasters[0].from: must be a whole number"),
            ("[{ entity: room, from: 0, to: 2 }]", "upcasters[0].from: must be 1 or more"),
            ("[{ entity: room, from: 1 }]", "upcasters[0].to: must be a whole number"),
            ("[{ entity: room, from: 2, to: 2 }]", "upcasters[0].to: must be greater than from"),
            ("[{ entity: room, from: 1, to: 2, rename: [a] }]", "upcasters[0].rename: must be a map"),
            ("[{ entity: room, from: 1, to: 2, rename: { a: 1 } }]", "upcasters[0].rename: a: must be a name"),
            ("[{ entity: room, from: 1, to: 2, rename: { a: c, b: c } }]", "upcasters[0].rename: two members would be named c"),
            ("[{ entity: room, from: 1, to: 2, rename: { a: b..c } }]", "upcasters[0].rename: \"b..c\""),
            ("[{ entity: room, from: 1, to: 2, rename: { state: on } }]", "upcasters[0].rename: state: must be a name"),
            ("[{ entity: room, from: 1, to: 2, set: 1 }]", "upcasters[0].set: must be a map"),
            ("[{ entity: room, from: 1, to: 2, set: { a: 1, a.b: 2 } }]", "upcasters[0].set: a and a.b"),
            ("[{ entity: room, from: 1, to: 2, set: { at: 2026-01-31 } }]", "upcasters[0].set.at: must be text"),
            ("[{ entity: room, from: 1, to: 2, remove: a }]", "upcasters[0].remove: must be a list"),
            ("[{ entity: room, from: 1, to: 2, remove: [1] }]", "upcasters[0].remove: must be a list"),
            ("[{ entity: room, from: 1, to: 2, rename: { a: b }, remove: [a] }]", "upcasters[0].remove: a is renamed too"),
            ("[{ entity: room, from: 1, to: 2 }, { entity: room, from: 1, to: 3 }]", "upcasters[1].from: there is a caster of room"),
        ])
    func refuses(value: String, told: String) throws {
        let error = try #require(throws: SettingsError.self) { try upcasters("upcasters: \(value)\n") }
        #expect(error.description.hasPrefix(told), "\(error)")
    }

    @Test("a configuration whose casters are wrong is refused before anything is opened")
    func validates() throws {
        let file = NSTemporaryDirectory() + "/guardian-upcasters-" + UUID().uuidString + ".yaml"
        try "upcasters: [{ entity: room, from: 2, to: 1 }]\n".write(toFile: file, atomically: true, encoding: .utf8)
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        let error = try #require(throws: SettingsError.self) { try Assembly(try Settings(file: file)).validate() }
        #expect(error.key == "upcasters[0].to")
    }
}
