import GuardianCore

/// Local ids, and those of the upstream in their place. The judge knows nothing of fields: a local id is a text that occurs nowhere else,
/// and is replaced wherever it stands.
extension Judge {
    /// The stored creates whose entities may still get another id, by what the app calls them.
    var openCreates: [EntityKey: Int64] {
        var open: [EntityKey: Int64] = [:]
        for record in records where record.handed.opensLocalID && record.operation.type == "create" {
            guard let seq = record.seq, record.fate == .waiting || record.fate == .failed else { continue }
            open[record.handed.entity] = seq
        }
        return open
    }

    /// The creates that must be settled before an operation goes.
    func awaited(by record: Record) -> [Int64] {
        guard assignsIDs, let seq = record.seq else { return [] }
        return openCreates.filter { entity, create in
            guard create < seq else { return false }
            return record.operation.entity == entity && record.operation.type != "create"
                || Self.mentions(entity.id, in: record.operation.payload)
        }.values.sorted()
    }

    private static func mentions(_ id: String, in payload: String?) -> Bool { payload?.contains("\"\(id)\"") ?? false }

    /// An entity as it is called now.
    func current(_ entity: EntityKey) -> EntityKey { aliases[entity].map { EntityKey(type: entity.type, id: $0) } ?? entity }

    /// A new operation, as the store must keep it: with the upstream's ids, where the app still uses its own.
    func resolved(_ operation: Operation) -> Operation {
        var operation = operation
        for (local, server) in aliases {
            if operation.entity == local, operation.type != "create" { operation.entity.id = server }
            operation.payload = operation.payload?.replacing("\"\(local.id)\"", with: "\"\(server)\"")
        }
        return operation
    }

    /// A create is settled, and has brought an id: all that is stored goes on under that.
    mutating func adopted(_ create: Int64, _ server: String) {
        guard let index = indexOfSeq[create] else { return }
        let local = records[index].handed.entity
        guard local.id != server else { return }
        aliases[local] = server
        for other in records.indices where other != index {
            let record = records[other]
            guard record.seq != nil, record.fate == .waiting || record.fate == .failed else { continue }
            let now = resolved(record.operation)
            guard now.entity != record.operation.entity || now.payload != record.operation.payload else { continue }
            records[other].operation = now
            if record.wasAttempted { records[other].mayHaveNewKey = true }
            let line = ordering.line(for: now.orderingKey)
            guard line != record.line else { continue }
            records[other].line = line
            seqsOfLine[record.line]?.removeAll { $0 == other }
            seqsOfLine[line, default: []].append(other)
        }
        for token in optimism.changes.keys where optimism.changes[token]?.change.entity == local {
            optimism.changes[token]?.change.entity.id = server
        }
        records[index].operation.entity.id = server
    }
}
