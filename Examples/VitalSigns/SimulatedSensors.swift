import GuardianSync

/// The sensors of twenty people: the same readings for the same seed.
struct SimulatedSensors: AsyncSequence, AsyncIteratorProtocol, Sendable {
    private let count: Int
    private let seed: UInt64
    private var random: Xoshiro256
    private var taken = 0
    private var time = Timestamp(milliseconds: 1_767_225_600_000)  // 2026-01-01T00:00:00Z

    init(count: Int, seed: UInt64) {
        self.count = count
        self.seed = seed
        random = Xoshiro256(seed: seed)
    }

    func makeAsyncIterator() -> SimulatedSensors { self }

    mutating func next() async -> Reading? {
        guard taken < count else { return nil }
        taken += 1
        time = time.adding(milliseconds: Int64.random(in: 50...500, using: &random))
        let person = "p\(Int.random(in: 1...20, using: &random))"
        return Reading(id: "\(seed)-\(taken)", person: person, takenAt: time, kind: kind())
    }

    private mutating func kind() -> Reading.Kind {
        switch random.unit() {
        case ..<0.7: .heartRate(beatsPerMinute: Int.random(in: 48...140, using: &random))
        case ..<0.98:
            .bloodPressure(systolic: Int.random(in: 95...170, using: &random), diastolic: Int.random(in: 55...95, using: &random))
        default: .fall(severity: Bool.random(using: &random) ? "hard" : "soft")
        }
    }
}
