package import GuardianCore

/// How often the breaker has opened within a long window, from a total that only rises; survives a restart.
///
/// The total is noted at most a hundred times a window, so the answer is exact to a hundredth of the window.
package struct TripHistory: Sendable, Equatable {
    static let slices: Int64 = 100

    struct Note: Sendable, Equatable {
        var at: Timestamp
        var total: Int64
    }

    /// Oldest first.
    var notes: [Note] = []

    package init() {}

    /// The wall clock was set: the notes stay as old as they are.
    package mutating func wallClockStepped(byMilliseconds step: Int64) {
        for place in notes.indices { notes[place].at = notes[place].at.adding(milliseconds: step) }
    }

    /// Takes the total at `now`; returns by how much it rose within the window.
    package mutating func rise(to total: Int64, now: Timestamp, windowMs: Int64) -> Int64 {
        // Notes of the future, after the clock went back, say nothing; nor do those of another store, which had counted more.
        notes.removeAll { $0.at > now || $0.total > total }
        // The last note before the window is where it starts from.
        let start = now.adding(milliseconds: -windowMs)
        while notes.count > 1, notes[1].at <= start { notes.removeFirst() }
        let before = notes.first?.total ?? total
        if notes.last.map({ now.milliseconds - $0.at.milliseconds >= max(1, windowMs / Self.slices) }) ?? true {
            notes.append(Note(at: now, total: total))
        }
        return max(0, total - before)
    }
}
