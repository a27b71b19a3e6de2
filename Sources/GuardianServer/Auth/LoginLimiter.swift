/// Slows guessing: an address that gave a few wrong tokens within a minute waits, whatever it sends then.
///
/// Wrong tokens from other addresses never keep a right one out. Who shares an address shares the wait, though: all that come over
/// loopback, an SSH tunnel or one proxy, and all of a Unix socket. Of all wrong ones together only the cost is bounded: they are not all
/// written down, and not all addresses are remembered.
struct LoginLimiter {
    static let windowMs: Int64 = 60_000
    /// Wrong tokens within the window after which an address waits.
    static let mostOfOne = 5
    /// Wrong tokens within the window that are written down one by one.
    static let mostWritten = 50
    static let mostAddresses = 10_000

    /// What goes into the audit log of a wrong token.
    enum Record {
        case written
        /// The same, and that more of this minute are not written down.
        case lastWritten
        case unwritten
    }

    private var failures: [String: [Int64]] = [:]
    private var written: [Int64] = []

    /// Milliseconds to wait before the next attempt is looked at; 0 for none.
    func wait(_ address: String, at now: Int64) -> Int64 {
        let own = failures[address, default: []].filter { now - $0 < Self.windowMs }
        return own.count < Self.mostOfOne ? 0 : own[own.count - Self.mostOfOne] + Self.windowMs - now
    }

    mutating func failed(_ address: String, at now: Int64) -> Record {
        if failures[address] == nil, failures.count >= Self.mostAddresses { makeRoom(at: now) }
        failures[address] = Array((failures[address, default: []] + [now]).suffix(Self.mostOfOne))
        written.removeAll { now - $0 >= Self.windowMs }
        guard written.count < Self.mostWritten else { return .unwritten }
        written.append(now)
        return written.count < Self.mostWritten ? .written : .lastWritten
    }

    /// A right token ends what an address is blamed for.
    mutating func succeeded(_ address: String) { failures[address] = nil }

    /// Forgets those whose time is over; where there are none, the half that was silent longest.
    private mutating func makeRoom(at now: Int64) {
        failures = failures.filter { now - ($0.value.last ?? 0) < Self.windowMs }
        guard failures.count >= Self.mostAddresses else { return }
        let middle = failures.values.compactMap(\.last).sorted()[failures.count / 2]
        failures = failures.filter { ($0.value.last ?? 0) > middle }
    }
}
