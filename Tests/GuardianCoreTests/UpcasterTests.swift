import GuardianCore
import GuardianTesting
import Testing

@Suite struct UpcasterTests {
    struct Trouble: Error, CustomStringConvertible { let description: String }

    /// Renames, then moves into an object and sets what is missing.
    static let steps: [Upcaster] = [
        .declarative(entity: "room", from: 1, to: 2, rename: ["temp": "temperature"], remove: ["legacy"]),
        .declarative(
            entity: "room", from: 2, to: 3, rename: ["temperature": "climate.temperature", "mode": "climate.mode"],
            set: ["climate.unit": "celsius"]),
    ]
    static let leap = Upcaster.declarative(
        entity: "room", from: 1, to: 3, rename: ["temp": "climate.temperature", "mode": "climate.mode"],
        set: ["climate.unit": "celsius"], remove: ["legacy"])

    static func operation(_ payload: String?, version: Int = 1, entity: String = "room") -> Operation {
        var random = Xoshiro256(seed: 1)
        return Operation(
            id: .text("a"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: payload == nil ? "delete" : "update",
            entity: EntityKey(type: entity, id: "1"), payload: payload, schemaVersion: version, enqueuedAt: Timestamp(milliseconds: 0))
    }

    /// A payload of version 1: each member may be missing, and they stand in any order.
    static func payload(_ random: inout Xoshiro256) -> String {
        let names = ["temp", "legacy", "mode", "name", "floor"].filter { _ in Bool.random(using: &random) }.shuffled(using: &random)
        let values: [JSONValue] = [21, "warm", true, nil, ["deep": [1, "ä", nil]], .number("9007199254740993"), .number("1.50")]
        return JSONValue.object(names.map { JSONValue.Member($0, values[Int.random(in: 0..<values.count, using: &random)]) }).text
    }

    /// The reason why a cast is impossible.
    private func reason(_ cast: Upcasters.Cast, code: String = "UPCAST_FAILED") throws -> String {
        guard case .impossible(let error) = cast else { throw Trouble(description: "\(cast)") }
        #expect(error.class == .permanent)
        #expect(error.code == code)
        return error.message
    }

    @Test("step by step gives what one leap gives, for any payload", arguments: 1...20 as ClosedRange<UInt64>)
    func chains(seed: UInt64) throws {
        var random = Xoshiro256(seed: seed)
        let (walking, leaping) = (try Upcasters(Self.steps), try Upcasters([Self.leap]))
        for _ in 0..<100 {
            let operation = Self.operation(Self.payload(&random))
            guard case .changed(let walked, nil, 3) = walking.cast(operation),
                case .changed(let leapt, nil, 3) = leaping.cast(operation)
            else {
                Issue.record("seed \(seed): \(operation.payload ?? "")")
                return
            }
            #expect(try JSONValue(parsing: walked).sorted == JSONValue(parsing: leapt).sorted, "seed \(seed): \(operation.payload ?? "")")
            guard case .changed(let again, nil, 3) = walking.cast(operation) else { continue }
            #expect(again == walked, "seed \(seed): a cast made again gives the same bytes")
        }
    }

    @Test("what is up to date is never changed, nor what has no casters", arguments: 1...20 as ClosedRange<UInt64>)
    func leavesAlone(seed: UInt64) throws {
        var random = Xoshiro256(seed: seed)
        let casters = try Upcasters(Self.steps)
        for _ in 0..<100 {
            let payload = Self.payload(&random)
            #expect(casters.cast(Self.operation(payload, version: 3)) == .upToDate)
            let version = Int.random(in: 1...9, using: &random)
            #expect(casters.cast(Self.operation(payload, version: version, entity: "user")) == .upToDate)
            #expect(Upcasters().cast(Self.operation(payload, version: version)) == .upToDate)
        }
        #expect(casters.cast(Self.operation(nil, version: 1)) == .upToDate)
        #expect(casters.current(for: "room") == 3)
        #expect(casters.current(for: "user") == 1)
    }

    @Test("a gap in the chain is named, whatever stands beyond it")
    func gaps() throws {
        let casters = try Upcasters([Self.steps[0], .declarative(entity: "room", from: 3, to: 4)])
        let told = try reason(casters.cast(Self.operation("{}")))
        #expect(told == "room: version 1 can't become version 4: there is no caster from version 2")
        #expect(casters.cast(Self.operation("{}", version: 3)) == .changed(payload: "{}", schemaVersion: 4))
    }

    @Test("a caster that throws, or gives no object, is named with its words")
    func failures() throws {
        let throwing = Upcaster(entity: "room", from: 2, to: 3) { _ in throw Trouble(description: "no floor") }
        let told = try reason(Upcasters([Self.steps[0], throwing]).cast(Self.operation("{}")))
        #expect(told == "room: version 1 can't become version 3: the caster from version 2 to 3 says: no floor")
        for value: JSONValue in [[1], "text", 1, true, nil] {
            let casters = try Upcasters([Upcaster(entity: "room", from: 1, to: 2) { _ in value }])
            #expect(try reason(casters.cast(Self.operation("{}"))).hasSuffix("the caster from version 1 to 2 gave no JSON object"))
        }
        let lying = try Upcasters([Upcaster(entity: "room", from: 1, to: 2) { _ in ["n": .number("one")] }])
        #expect(try reason(lying.cast(Self.operation("{}"))).contains("the payload would be wrong"))
    }

    @Test("a version of a newer build is left for that build, with the advice to upgrade")
    func tooNew() throws {
        let told = try reason(try Upcasters(Self.steps).cast(Self.operation("{}", version: 4)), code: "SCHEMA_TOO_NEW")
        #expect(told.contains("room: version 4"))
        #expect(told.contains("version 3"))
        #expect(told.contains("upgrade"))
    }

    @Test("a payload may grow to 1 MiB, or to what the engine allows, and no further")
    func size() throws {
        func casters(_ count: Int) throws -> Upcasters {
            try Upcasters([Upcaster(entity: "room", from: 1, to: 2) { _ in ["a": .string(String(repeating: "a", count: count))] }])
        }
        let most = (1 << 20) - #"{"a":""}"#.utf8.count
        guard case .changed(let payload, nil, 2) = try casters(most).cast(Self.operation("{}")) else {
            Issue.record("a payload of 1 MiB is refused")
            return
        }
        #expect(payload.utf8.count == 1 << 20)
        #expect(try reason(casters(most + 1).cast(Self.operation("{}"))).contains("1048577 bytes"))
        let configuration = SyncEngine.Configuration(
            processor: .init(upcasters: try casters(most + 1)), limits: Limits(payloadBytes: (1 << 20) + 1))
        let engine = SyncEngine(store: MemoryStore(), transport: ScriptedTransport(), configuration: configuration)
        guard case .changed = engine.configuration.processor.cast(Self.operation("{}")) else {
            Issue.record("a payload of 1 MiB and a byte is refused where the engine takes it")
            return
        }
    }

    @Test("two casters from one version of one entity are refused, and so are versions and names that make no sense")
    func refuses() throws {
        func field(_ list: [Upcaster]) -> String? {
            do throws(SyncError) { _ = try Upcasters(list) } catch {
                guard case .validation(let field, _) = error else { return nil }
                return field
            }
            return nil
        }
        #expect(field([Self.steps[0], Self.leap]) == "upcasters[1].from")
        #expect(field([.declarative(entity: "room", from: 2, to: 2)]) == "upcasters[0].to")
        #expect(field([.declarative(entity: "room", from: 0, to: 2)]) == "upcasters[0].from")
        #expect(field([.declarative(entity: "two rooms", from: 1, to: 2)]) == "upcasters[0].entity")
        #expect(field([Self.steps[0], .declarative(entity: "user", from: 1, to: 2), .declarative(entity: "*", from: 1, to: 2)]) == nil)
        #expect(field((1...1001).map { .declarative(entity: "room", from: $0, to: $0 + 1) }) == "upcasters")
    }

    @Test("casters for every entity fill in where an entity has none of its own")
    func everyEntity() throws {
        func marked(_ entity: String, _ from: Int, _ to: Int) -> Upcaster {
            Upcaster(entity: entity, from: from, to: to) { .object(($0.members ?? []) + [.init("\(entity)\(from)", true)]) }
        }
        let casters = try Upcasters([marked("*", 1, 2), marked("*", 2, 3), marked("room", 2, 3), marked("room", 3, 4)])
        #expect(casters.cast(Self.operation("{}")) == .changed(payload: #"{"*1":true,"room2":true,"room3":true}"#, schemaVersion: 4))
        #expect(casters.cast(Self.operation("{}", entity: "user")) == .changed(payload: #"{"*1":true,"*2":true}"#, schemaVersion: 3))
        #expect(casters.current(for: "room") == 4)
        #expect(casters.current(for: "user") == 3)
    }

    @Test("two are equal when they lead from and to the same versions, in whatever order they were given")
    func equality() throws {
        #expect(try Upcasters(Self.steps) == Upcasters(Self.steps.reversed()))
        #expect(try Upcasters(Self.steps) != Upcasters([Self.leap]))
        #expect(ProcessorConfiguration() == ProcessorConfiguration())
        #expect(try ProcessorConfiguration(upcasters: Upcasters(Self.steps)) != ProcessorConfiguration())
    }
}

extension JSONValue {
    /// With the members of every object in the order of their names.
    fileprivate var sorted: JSONValue {
        switch self {
        case .object(let members): .object(members.map { Member($0.name, $0.value.sorted) }.sorted { $0.name < $1.name })
        case .array(let elements): .array(elements.map(\.sorted))
        default: self
        }
    }
}
