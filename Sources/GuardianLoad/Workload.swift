public import GuardianCore

/// A realistic, seeded stream of a health-monitoring app's writes: vital signs, device states, falls, rooms and users.
///
/// Readings (heart rate, blood pressure, falls) are created once each; rooms and users are created, updated and now and then deleted;
/// device states are updated all the time. Every payload carries `seq` = 1, 2, 3 … of its entity, so that a reader of the upstream's
/// effects can check their order, and a create's the `id` of what it makes.
public struct Workload: Sequence, Sendable {
    /// The same seed makes the same operations.
    public var seed: UInt64
    /// How many it makes; `.max` for more than anybody takes.
    public var operations: Int
    /// Rooms, users and devices together, which are changed again and again; 100 by default, and below 1 counts as 1.
    public var entities: Int { didSet { entities = Swift.max(1, entities) } }
    /// Whether readings come in between, an entity of its own each; they do by default.
    public var readings: Bool

    /// Makes nothing yet; each iterator begins anew.
    public init(seed: UInt64, operations: Int, entities: Int = 100, readings: Bool = true) {
        self.seed = seed
        self.operations = operations
        self.entities = Swift.max(1, entities)
        self.readings = readings
    }

    public func makeIterator() -> Iterator { Iterator(self) }

    /// Makes one operation after the other; keeps the last number of each lasting entity, and nothing of readings.
    public struct Iterator: IteratorProtocol {
        private let workload: Workload
        private var random: Xoshiro256
        private var made = 0
        private var last: [String: Int] = [:]
        private var standing: Set<String> = []

        init(_ workload: Workload) {
            self.workload = workload
            random = Xoshiro256(seed: workload.seed)
        }

        public mutating func next() -> NewOperation? {
            guard made < workload.operations else { return nil }
            made += 1
            let number = Int.random(in: 0..<workload.entities, using: &random)
            switch Int.random(in: workload.readings ? 0..<100 : 37..<100, using: &random) {
            case 0..<25: return reading("heart_rate", number, [("bpm", 45...160), ("spo2", 88...100)])
            case 25..<35: return reading("blood_pressure", number, [("systolic", 95...170), ("diastolic", 55...105)])
            case 35..<37: return fall(number)
            default: break
            }
            switch number % 3 {
            case 0: return change("update", "device_state", "device-\(number)", [("battery", 1...100), ("rssi", -95 ... -40)])
            case 1: return person("room", number, [("temperature", 15...28)])
            default: return person("user", number, [("resting_bpm", 48...90)])
            }
        }

        private mutating func reading(_ type: String, _ number: Int, _ facts: [(String, ClosedRange<Int>)]) -> NewOperation {
            change("create", type, "\(type)-\(made)", facts + [("device", number...number)])
        }

        private mutating func fall(_ number: Int) -> NewOperation {
            var operation = change("create", "fall_event", "fall-\(made)", [("impact_g", 2...9), ("device", number...number)])
            operation.priority = 10
            return operation
        }

        /// Created at first, then updated, and one time in forty deleted; then it begins anew.
        private mutating func person(_ type: String, _ number: Int, _ facts: [(String, ClosedRange<Int>)]) -> NewOperation {
            let id = "\(type)-\(number)"
            if standing.insert(id).inserted { return change("create", type, id, facts) }
            guard Int.random(in: 0..<40, using: &random) == 0 else { return change("update", type, id, facts) }
            standing.remove(id)
            return change("delete", type, id, [])
        }

        private mutating func change(
            _ operation: String, _ type: String, _ id: String, _ facts: [(String, ClosedRange<Int>)]
        ) -> NewOperation {
            let seq = (last[id] ?? 0) + 1
            // A reading is never seen again; what is remembered stays as small as the entities.
            if operation != "create" || standing.contains(id) { last[id] = seq }
            var members = [JSONValue.Member("seq", JSONValue(seq))]
            if operation == "create" { members.append(.init("id", .string(id))) }
            members += facts.map { .init($0.0, JSONValue(Int.random(in: $0.1, using: &random))) }
            return NewOperation(operation, entityType: type, entityID: id, payload: JSONValue.object(members).text)
        }
    }
}

extension NewOperation {
    /// One line of NDJSON.
    public var ndjson: String {
        JSONValue.object([
            .init("operation_type", .string(operationType)), .init("entity_type", .string(entityType)),
            .init("entity_id", .string(entityID)),
            .init("priority", JSONValue(priority)),
        ]).text.dropLast() + ",\"payload\":\(payload ?? "{}")}"
    }
}
