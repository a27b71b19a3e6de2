import GuardianCore

/// Entities of an upstream with versions, and the log of what was written to them.
struct SharedRooms {
    struct Room {
        var version: Int
        var fields: [String: JSONValue]

        var etag: String { "\"v\(version)\"" }
        var text: String { JSONValue.object(fields.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }).text }
    }

    struct Change {
        var number: Int
        var remote: RemoteState
    }

    private(set) var all: [EntityKey: Room] = [:]
    private(set) var log: [Change] = []
    /// What was answered under each key.
    var answers: [UniqueID: Answer] = [:]

    /// Where the feed ends; nil while nothing was told.
    var cursor: String? { log.last.map { "\($0.number)" } }

    func cursor(of batch: [Change]) -> String { "\(batch.last?.number ?? 0)" }

    mutating func write(_ entity: EntityKey, _ fields: [String: JSONValue], key: UniqueID?) -> Room {
        let room = Room(version: (all[entity]?.version ?? 0) + 1, fields: fields)
        all[entity] = room
        // What is there at the beginning is older than the feed.
        if room.version > 1 {
            let server = ServerState(state: room.text, etag: room.etag)
            log.append(Change(number: log.count + 1, remote: RemoteState(entity, server, version: Int64(room.version), key: key)))
        }
        return room
    }

    func changes(after cursor: String?, limit: Int) -> [Change] { Array(log.dropFirst(cursor.flatMap { Int($0) } ?? 0).prefix(limit)) }
}
