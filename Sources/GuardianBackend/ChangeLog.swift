import Hummingbird

/// The last changes in the order of their effects, and who waits for the next one.
///
/// A cursor is the number of an effect and the log it counts in (`17-3f2a…`), so that one of an upstream that has lost its memory is
/// known as a stranger. `0` stands before all changes, `now` behind them.
struct ChangeLog {
    struct Change: Sendable {
        /// The number of the effect.
        var n: Int
        var entity: String
        var isDelete: Bool
        var version: Int
        /// nil after a delete.
        var etag: String?
        /// JSON; nil after a delete.
        var body: String?
        var idempotencyKey: String
    }

    enum Page {
        case changes([Change])
        /// What followed the position is no longer kept.
        case gone
    }

    var settings = ChangeSettings()
    private var changes: [Change] = []
    /// Where the kept ones begin in `changes`; what stands before leaves a thousand at a time.
    private var start = 0
    private(set) var last = 0
    /// Names the log; made of its first effect, so that it is the same after a restart.
    private var name = ""
    private var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
    private var nextReader = 0

    /// Takes what an effect has left of its entity.
    mutating func append(_ effect: Effect, _ entity: UpstreamState.Entity?) {
        if name.isEmpty { name = Self.hash(effect.idempotencyKey + effect.at) }
        last = effect.n
        let isDelete = entity?.isDeleted ?? true
        changes.append(
            Change(
                n: effect.n, entity: effect.entity, isDelete: isDelete, version: entity?.version ?? 0,
                etag: isDelete ? nil : entity?.etag, body: isDelete ? nil : entity?.body, idempotencyKey: effect.idempotencyKey))
        trim()
        for reader in waiting.values { reader.yield() }
    }

    mutating func trim() {
        while changes.count - start > settings.history {
            changes[start].body = nil
            start += 1
        }
        if start >= 1000 {
            changes.removeFirst(start)
            start = 0
        }
    }

    func cursor(_ n: Int) -> String { n == 0 ? "0" : "\(n)-\(name)" }

    /// The number behind which to go on; nil for a cursor that this log never gave. An empty text is none, and begins at the first change.
    func position(of cursor: String) -> Int? {
        if cursor.isEmpty || cursor == "0" { return 0 }
        if cursor == "now" { return last }
        guard let n = Int(cursor.prefix { $0 != "-" }), (1...max(1, last)).contains(n), cursor == self.cursor(n) else { return nil }
        return n
    }

    func page(after n: Int, limit: Int) -> Page {
        let first = last - (changes.count - start) + 1
        guard n >= first - 1 else { return .gone }
        return .changes(Array(changes[(start + n - first + 1)...].prefix(limit)))
    }

    /// Is told of every change and of ``stop()``, though not once for each.
    mutating func wait() -> (number: Int, news: AsyncStream<Void>, teller: AsyncStream<Void>.Continuation) {
        let (news, teller) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        nextReader += 1
        waiting[nextReader] = teller
        return (nextReader, news, teller)
    }

    mutating func leave(_ number: Int) { waiting[number] = nil }

    /// How many streams are open.
    var readers: Int { waiting.count }

    /// FNV-1a.
    private static func hash(_ text: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return String(hash, radix: 16)
    }
}

extension ChangeLog {
    /// One change as JSON.
    func json(_ change: Change) -> String {
        let entity = Response.quoted(change.entity)
        let etag = change.etag.map(Response.quoted) ?? "null"
        return #"{"cursor":"\#(cursor(change.n))","entity":\#(entity),"operation":"\#(change.isDelete ? "delete" : "put")","#
            + #""version":\#(change.version),"etag":\#(etag),"body":\#(change.body ?? "null"),"#
            + #""idempotency_key":\#(Response.quoted(change.idempotencyKey))}"#
    }
}
