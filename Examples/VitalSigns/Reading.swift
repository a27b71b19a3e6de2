import GuardianSync

/// One measurement of one person.
struct Reading: Sendable {
    enum Kind: Sendable {
        case heartRate(beatsPerMinute: Int)
        case bloodPressure(systolic: Int, diastolic: Int)
        case fall(severity: String)
    }

    /// The same reading has the same id, however often it is taken in: the gateway and the server know it by that.
    var id: String
    var person: String
    var takenAt: Timestamp
    var kind: Kind

    var isUrgent: Bool {
        if case .fall = kind { true } else { false }
    }

    /// Each reading is an entity of its own, so none waits for another. A fall overtakes whatever else waits.
    var operation: NewOperation {
        let (entityType, values): (String, [JSONValue.Member]) =
            switch kind {
            case .heartRate(let beats): ("heart_rate", [.init("beats_per_minute", JSONValue(beats))])
            case .bloodPressure(let systolic, let diastolic):
                ("blood_pressure", [.init("systolic", JSONValue(systolic)), .init("diastolic", JSONValue(diastolic))])
            case .fall(let severity): ("fall_event", [.init("severity", .string(severity))])
            }
        let payload = JSONValue.object(
            [.init("id", .string(id)), .init("person_id", .string(person)), .init("taken_at", .string(takenAt.rfc3339))] + values)
        return NewOperation("create", entityType: entityType, entityID: id, payload: payload.text, id: id, priority: isUrgent ? 50 : 0)
    }
}
