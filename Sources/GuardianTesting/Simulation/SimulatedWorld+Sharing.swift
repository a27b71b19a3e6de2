import GuardianCore

/// A world in which others write too, the upstream has versions and ETags, and a feed tells what was written.
extension SimulatedWorld {
    static let feed = "changes"

    struct Follower {
        /// Where it stands, as far as it knows; nil before the first batch.
        var cursor: String?
        /// Since when the feed works.
        var worksSince: Int64?
    }

    /// Every entity is there, and the app has read it.
    mutating func furnish() async {
        guard script.others > 0 else { return }
        for entity in Set(judge.records.map(\.operation.entity)).sorted(by: { $0.id < $1.id }) {
            let room = upstream.rooms.write(entity, ["a0": 0, "a1": 0, "b0": 0, "b1": 0], key: nil)
            judge.written(entity, room.fields, version: room.version)
            do throws(StoreError) {
                _ = try await store.saveRemote([RemoteState(entity, ServerState(state: room.text, etag: room.etag))], now: moment.wall)
            } catch { judge.violated("remote: \(error)") }
        }
        do throws(StoreError) {
            _ = try await store.saveRemote([], mark: FeedMark(feed: Self.feed, after: nil, cursor: nil), now: moment.wall)
        } catch { judge.violated("feed: \(error)") }
        agenda.add(.feed, at: 0)
    }

    /// The user edits what they see: one field of their own. Made once, handed in again as it was.
    mutating func edit(_ index: Int) async throws(StoreError) {
        let record = judge.records[index]
        guard record.handed.base == nil else { return }
        let entity = record.handed.entity
        guard let seen = try await store.view(of: entity).overlay.state, var members = seen.members else {
            return judge.violated("\(entity.orderingKey) shows nothing")
        }
        let (field, value) = ("a\(index % 2)", JSONValue(index + 1))
        for place in members.indices where members[place].name == field { members[place].value = value }
        judge.records[index].handed.base = seen.text
        judge.records[index].handed.payload = JSONValue.object(members).text
        judge.records[index].operation = judge.records[index].handed
        judge.shared?.own[entity, default: [:]][field] = value
    }

    mutating func otherWrites() {
        guard let (entity, room) = upstream.rooms.all.sorted(by: { $0.key.id < $1.key.id }).randomElement(using: &random) else { return }
        var fields = room.fields
        let field = chance(0.5) ? "b0" : "b1"
        let value = JSONValue(1000 + upstream.rooms.log.count)
        fields[field] = value
        let written = upstream.rooms.write(entity, fields, key: .v4(using: &random))
        judge.written(entity, written.fields, version: written.version)
        judge.shared?.theirs[entity, default: [:]][field] = value
    }

    /// A write of ours arrives: taken once for each key, and only by who knows what is there, if they say so.
    mutating func writeShared(_ request: Agenda.Request) -> Outcome {
        let operation = request.claim.operation
        if let known = upstream.rooms.answers[operation.idempotencyKey] { return .accepted(known) }
        if let wanted = operation.ifMatch, wanted != upstream.rooms.all[operation.entity]?.etag {
            return .refused(.conflict, Answer(status: 412, code: "PRECONDITION_FAILED"))
        }
        guard let fields = Judge.members(operation.payload) else { return .refused(.permanent, Answer(status: 400)) }
        let room = upstream.rooms.write(operation.entity, fields, key: operation.idempotencyKey)
        judge.written(operation.entity, room.fields, version: room.version)
        if upstream.apply(operation, now: now) { judge.applied(request.claim.seq) }
        var answer = Answer(status: 200, etag: room.etag)
        if script.tellsStates { do { answer.data = try JSONValue(parsing: operation.payload ?? "") } catch {} }
        upstream.rooms.answers[operation.idempotencyKey] = answer
        return .accepted(answer)
    }

    /// What a fetch finds.
    func found(_ entity: EntityKey) -> Fetch {
        guard script.others > 0 else { return .present(SimulatedUpstream.theirs, etag: SimulatedUpstream.etag) }
        guard let room = upstream.rooms.all[entity] else { return .gone }
        do { return .present(try JSONValue(parsing: room.text), etag: room.etag) } catch { return .gone }
    }

    /// The id that the upstream gives to what a create makes: one in five keeps its own.
    func assignedID(_ operation: Operation) -> String? {
        guard script.localIDs > 0, operation.type == "create" else { return nil }
        let number = Int(operation.entity.id.dropFirst()) ?? 0
        return number % 5 == 4 ? operation.entity.id : "S\(number)"
    }

    /// Somebody reads the feed, a little at a time, and may die before or after it was kept.
    mutating func follow() async {
        if script.feedOutages.contains(where: { $0.contains(now) }) {
            follower.worksSince = nil
            return agenda.add(.feed, at: delay(1000...10_000))
        }
        follower.worksSince = follower.worksSince ?? now
        do throws(StoreError) {
            if isTroubled, chance(script.crashes * 2) { follower.cursor = try await store.feedCursor(of: Self.feed) }
            if isTroubled, chance(script.storeErrors) { return agenda.add(.feed, at: delay(1...5000)) }
            let batch = upstream.rooms.changes(after: follower.cursor, limit: Int.random(in: 1...3, using: &random))
            if !batch.isEmpty {
                let cursor = upstream.rooms.cursor(of: batch)
                let states = batch.map(\.remote)
                let mark = FeedMark(feed: Self.feed, after: follower.cursor, cursor: cursor)
                let taken = try await store.saveRemote(states, mark: mark, now: moment.wall)
                report.told += taken.count(where: \.self)
                report.passedOver += taken.count { !$0 }
                // Whoever dies now does not know that it is kept.
                follower.cursor = isTroubled && chance(script.crashes * 2) ? try await store.feedCursor(of: Self.feed) : cursor
            }
            if let since = follower.worksSince, now - since >= EntityKnowledge.patienceMs {
                _ = try await store.takePassed(now: moment.wall, limit: 100)
            }
            let hasMore = follower.cursor != upstream.rooms.cursor
            agenda.add(.feed, at: delay(hasMore ? 1...50 : isTroubled ? 100...15_000 : 1000...5000))
        } catch { judge.violated("feed: \(error)") }
        await checkStore()
    }
}
