public import GuardianCore

/// A realistic, seeded stream of a health-monitoring app's writes: vital signs, device states, falls, rooms and users.
///
/// Updates of one entity carry `payload.seq` = 1, 2, 3 …, so that a reader of the upstream's effects can check their order.
public struct Workload: Sequence, Sendable {
    public var seed: UInt64
    public var operations: Int
    /// Entities that are updated again and again; 100 by default.
    public var entities: Int

    public init(seed: UInt64, operations: Int, entities: Int = 100) {
        self.seed = seed
        self.operations = operations
        self.entities = Swift.max(1, entities)
    }

    public func makeIterator() -> Iterator { Iterator(self) }

    public struct Iterator: IteratorProtocol {
        private let workload: Workload
        private var random: Xoshiro256
        private var made = 0
        private var last: [String: Int] = [:]

        init(_ workload: Workload) {
            self.workload = workload
            random = Xoshiro256(seed: workload.seed)
        }

        public mutating func next() -> NewOperation? {
            guard made < workload.operations else { return nil }
            made += 1
            let number = Int.random(in: 0..<workload.entities, using: &random)
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<45: return vitalSign(number)
            case 45..<80: return update("device_state", number, ["battery": Int.random(in: 1...100, using: &random), "rssi": -60])
            case 80..<88: return update("room", number, ["temperature": Int.random(in: 15...28, using: &random)])
            case 88..<98: return update("user", number, ["resting_bpm": Int.random(in: 48...90, using: &random)])
            default: return fall(number)
            }
        }

        private mutating func vitalSign(_ number: Int) -> NewOperation {
            update(
                "heart_rate", number, ["bpm": Int.random(in: 45...160, using: &random), "spo2": Int.random(in: 88...100, using: &random)])
        }

        private mutating func fall(_ number: Int) -> NewOperation {
            var operation = update("fall_event", number, ["impact_g": Int.random(in: 2...9, using: &random)])
            operation.priority = 10
            return operation
        }

        private mutating func update(_ type: String, _ number: Int, _ facts: KeyValuePairs<String, Int>) -> NewOperation {
            let entity = "\(type)-\(number)"
            let seq = (last[entity] ?? 0) + 1
            last[entity] = seq
            let members = [JSONValue.Member("seq", JSONValue(seq))] + facts.map { .init($0.key, JSONValue($0.value)) }
            return NewOperation("update", entityType: type, entityID: entity, payload: JSONValue.object(members).text)
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
