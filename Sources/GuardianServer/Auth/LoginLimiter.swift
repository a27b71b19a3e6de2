/// Slows guessing: failed logins that an address, and everybody together, may make in a minute.
struct LoginLimiter {
    static let windowMs: Int64 = 60_000
    static let mostOfOne = 5
    static let mostOfAll = 50

    private var failures: [(at: Int64, address: String)] = []

    /// Milliseconds to wait before the next attempt is looked at; 0 for none.
    mutating func wait(_ address: String, at now: Int64) -> Int64 {
        failures.removeAll { now - $0.at >= Self.windowMs }
        let own = failures.filter { $0.address == address }
        if own.count >= Self.mostOfOne { return own[own.count - Self.mostOfOne].at + Self.windowMs - now }
        if failures.count >= Self.mostOfAll { return failures[failures.count - Self.mostOfAll].at + Self.windowMs - now }
        return 0
    }

    mutating func failed(_ address: String, at now: Int64) {
        failures.append((now, address))
        if failures.count > Self.mostOfAll * 2 { failures.removeFirst(failures.count - Self.mostOfAll * 2) }
    }

    /// A right token ends what an address is blamed for.
    mutating func succeeded(_ address: String) { failures.removeAll { $0.address == address } }
}
