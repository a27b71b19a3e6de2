package import GuardianCore

/// What alerts keep over a restart, and what commands show of them: one JSON text.
///
/// `{"at": when it was evaluated, "alerts": […as shown…], "standings": {name: {bad_since, firing, good_since}}, "trips": [{at, total}]}`.
package struct AlertMemory: Sendable {
    /// When the alerts were evaluated last.
    package var at: Timestamp
    /// As they stood then.
    package var alerts: [Alert]
    var standings: [String: AlertEvaluator.Standing]
    var trips: TripHistory

    package init(at: Timestamp, evaluator: AlertEvaluator, trips: TripHistory) {
        self.at = at
        alerts = evaluator.alerts
        standings = evaluator.standings
        self.trips = trips
    }

    package var json: JSONValue {
        let kept = standings.sorted { $0.key < $1.key }.map { name, standing in
            JSONValue.Member(
                name,
                [
                    "bad_since": JSONValue(standing.badSince?.rfc3339), "firing": .bool(standing.isFiring),
                    "good_since": JSONValue(standing.goodSince?.rfc3339),
                ])
        }
        return [
            "at": .string(at.rfc3339), "alerts": .array(alerts.map(\.json)), "standings": .object(kept),
            "trips": .array(trips.notes.map { ["at": .string($0.at.rfc3339), "total": JSONValue($0.total)] }),
        ]
    }

    /// nil when `json` is something else.
    package init?(_ json: JSONValue) {
        guard let at = Self.time(json["at"]), let standings = json["standings"]?.members, let alerts = json["alerts"]?.elements else {
            return nil
        }
        self.at = at
        self.alerts = alerts.compactMap { Alert($0) }
        self.standings = [:]
        for member in standings {
            self.standings[member.name] = .init(
                badSince: Self.time(member.value["bad_since"]), isFiring: member.value["firing"] == .bool(true),
                goodSince: Self.time(member.value["good_since"]))
        }
        trips = TripHistory()
        for note in json["trips"]?.elements ?? [] {
            guard let at = Self.time(note["at"]), let total = note["total"]?.integer else { continue }
            trips.notes.append(.init(at: at, total: total))
        }
        trips.notes.sort { $0.at < $1.at }
    }

    private static func time(_ value: JSONValue?) -> Timestamp? { value?.string.flatMap(Timestamp.init(rfc3339:)) }
}
