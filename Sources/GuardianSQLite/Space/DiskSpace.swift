internal import Dispatch
internal import GuardianCore
internal import Synchronization

/// What room there is, asked of the volume now and then and not for each write; and what the reserve is for.
final class DiskSpace: Sendable {
    /// How long an answer of the volume's holds.
    private static let freshNanoseconds: UInt64 = 100_000_000
    /// How often a reserve that was used is looked after.
    private static let mendNanoseconds: UInt64 = 2_000_000_000
    /// What one operation takes beside its texts: its row, its indexes, its line, in the log and in the file.
    private static let rowBytes: Int64 = 2048

    private struct State {
        /// As the volume said last; nil when it can't be asked.
        var free: Int64? = .max
        var askedAt: UInt64 = 0
        /// What was let in since.
        var spent: Int64 = 0
        var mendedAt: UInt64 = 0
        /// Whether the reserve was touched, or never filled.
        var isShort = false
        /// Groups of writes since then.
        var shortGroups = 0
    }

    let limits: DiskPolicy.Limits
    private let policy: DiskPolicy
    private let path: String
    private let reserve: Reserve
    private let state = Mutex(State())

    init(storePath: String, policy: DiskPolicy) {
        let directory = Disk.directory(of: storePath)
        limits = policy.limits(volume: Disk.volumeBytes(at: directory))
        self.policy = policy
        path = directory
        reserve = Reserve(storePath: storePath)
    }

    /// Throws ``StoreError/full(free:needed:)`` unless there is room for `operations`. Asks the volume at most ten times a second, or when
    /// much was let in since.
    func admit(_ operations: [GuardianCore.Operation]) throws(StoreError) {
        var bytes: Int64 = 0
        var lowest = Int.max
        for place in operations.indices {
            bytes += Self.rowBytes + 2 * Int64((operations[place].payload?.utf8.count ?? 0) + (operations[place].base?.utf8.count ?? 0))
            lowest = min(lowest, operations[place].priority)
        }
        let watermark = lowest <= policy.lowPriority ? limits.first : limits.second
        let now = DispatchTime.now().uptimeNanoseconds
        let refusal = state.withLock { state -> StoreError? in
            let isOld = now &- state.askedAt > Self.freshNanoseconds
            let (known, spent) = (state.free, state.spent)
            let isShort = known.map { spent > max(0, $0 - limits.first) / 8 || $0 - spent - bytes < watermark } ?? false
            // A volume that could not be asked is asked again as soon as any other, and until then everything is let in.
            if isOld || isShort {
                state.free = Disk.freeBytes(at: path)
                state.askedAt = now
                state.spent = 0
            }
            guard let free = state.free else { return nil }
            guard free - state.spent - bytes >= watermark else { return .full(free: free - state.spent, needed: watermark + bytes) }
            state.spent += bytes
            return nil
        }
        if let refusal { throw refusal }
    }

    /// Bytes that `operations` want to find free.
    func needed(for operations: [GuardianCore.Operation]) -> Int64 {
        operations.reduce(limits.second) { $0 + Self.rowBytes + 2 * Int64(($1.payload?.utf8.count ?? 0) + ($1.base?.utf8.count ?? 0)) }
    }

    /// Gives room back to the volume, for what must go on. False when there is none left to give.
    func release() -> Bool {
        guard reserve.release(of: limits.reserve) else { return false }
        state.withLock { $0 = State(free: $0.free, isShort: true) }
        return true
    }

    /// A processor begins: its reserve is to be there.
    func begin() {
        state.withLock { $0.isShort = true }
        _ = mend()
    }

    /// After a group of writes: whether the log is to be copied back now, because room is short. At once, and then after some more.
    func wantsCheckpoint() -> Bool {
        let isShort = state.withLock { $0.isShort }
        guard isShort, mend() else { return false }
        return state.withLock { state in
            defer { state.shortGroups += 1 }
            return state.shortGroups % 16 == 0
        }
    }

    /// Fills the reserve again when there is room for it, now and then. Returns whether room is short.
    func mend() -> Bool {
        let now = DispatchTime.now().uptimeNanoseconds
        let isDue = state.withLock { state in
            guard state.isShort, state.mendedAt == 0 || now &- state.mendedAt > Self.mendNanoseconds else { return false }
            state.mendedAt = now
            return true
        }
        guard isDue, let free = Disk.freeBytes(at: path) else { return state.withLock { $0.isShort } }
        let held = reserve.held
        if held < limits.reserve, free - (limits.reserve - held) > limits.first + limits.reserve / 2 { reserve.fill(to: limits.reserve) }
        let isFull = reserve.held >= limits.reserve
        state.withLock { $0.isShort = !isFull }
        return !isFull
    }

    /// Whether an error says that there is no room.
    static func isFull(_ error: StoreError) -> Bool {
        if case .full = error { return true }
        return false
    }
}
