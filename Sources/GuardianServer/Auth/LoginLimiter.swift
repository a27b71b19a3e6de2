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
    /// Milliseconds without a wrong token after which the count of an address begins anew.
    static let forgetMs: Int64 = 3_600_000

    /// What goes into the audit log of a wrong token.
    struct Note {
        /// Wrong tokens from this address, one after the other, by now.
        var count: Int64
        /// Whether more of this minute, from whatever address, are not written down.
        var isLast = false
        /// Wrong tokens that were not written down for that reason since the note before.
        var unwritten: Int64 = 0
    }

    private struct Address {
        /// When the last wrong tokens came, the oldest first.
        var recent: [Int64] = []
        /// Since a right one came, or none did for ``forgetMs``.
        var count: Int64 = 0

        func isForgotten(at now: Int64) -> Bool { recent.last.map { now - $0 >= LoginLimiter.forgetMs } ?? true }
    }

    private var addresses: [String: Address] = [:]
    private var written: [Int64] = []
    private var unwritten: Int64 = 0

    /// Milliseconds to wait before the next attempt is looked at; 0 for none.
    func wait(_ address: String, at now: Int64) -> Int64 {
        let own = (addresses[address]?.recent ?? []).filter { now - $0 < Self.windowMs }
        return own.count < Self.mostOfOne ? 0 : own[own.count - Self.mostOfOne] + Self.windowMs - now
    }

    /// Returns what is to be written down; nil for nothing: those of one address are told by their number, less and less often.
    mutating func failed(_ address: String, at now: Int64) -> Note? {
        if addresses[address] == nil, addresses.count >= Self.mostAddresses { makeRoom(at: now) }
        var own = addresses[address] ?? Address()
        if own.isForgotten(at: now) { own = Address() }
        own.recent = Array((own.recent + [now]).suffix(Self.mostOfOne))
        own.count += 1
        addresses[address] = own
        guard Self.isTold(own.count) else { return nil }
        written.removeAll { now - $0 >= Self.windowMs }
        guard written.count < Self.mostWritten else {
            unwritten += 1
            return nil
        }
        written.append(now)
        defer { unwritten = 0 }
        return Note(count: own.count, isLast: written.count == Self.mostWritten, unwritten: unwritten)
    }

    /// Whether the wrong token of that number is written down: 1 to 5, and those numbers with zeroes behind them. An address that guesses
    /// for a year then makes a few dozen entries.
    static func isTold(_ number: Int64) -> Bool {
        var number = number
        while number > 0, number % 10 == 0 { number /= 10 }
        return (1...5).contains(number)
    }

    /// A right token ends what an address is blamed for. Returns how many wrong ones came before it.
    mutating func succeeded(_ address: String, at now: Int64) -> Int64 {
        guard let own = addresses.removeValue(forKey: address), !own.isForgotten(at: now) else { return 0 }
        return own.count
    }

    /// Forgets those whose time is over; where there are none, the half that was silent longest.
    private mutating func makeRoom(at now: Int64) {
        addresses = addresses.filter { now - ($0.value.recent.last ?? 0) < Self.windowMs }
        guard addresses.count >= Self.mostAddresses else { return }
        let middle = addresses.values.compactMap(\.recent.last).sorted()[addresses.count / 2]
        addresses = addresses.filter { ($0.value.recent.last ?? 0) > middle }
    }
}
