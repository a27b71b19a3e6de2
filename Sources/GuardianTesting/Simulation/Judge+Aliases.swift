import GuardianCore

/// Local ids, and those of the upstream in their place. The judge knows nothing of fields: a local id is a text that occurs nowhere else,
/// and is replaced wherever it stands.
extension Judge {
    /// The creates that must be settled before an operation goes: those that it needs, and whose entities may still get another id.
    func awaited(by record: Record) -> [Int64] {
        guard assignsIDs, let seq = record.seq else { return [] }
        var open: [EntityKey: Int64] = [:]
        // By index: a record is large, and this is asked for each operation after each step.
        for index in records.indices where records[index].handed.opensLocalID && records[index].operation.type == "create" {
            guard let create = records[index].seq, records[index].fate == .waiting || records[index].fate == .failed else { continue }
            let entity = records[index].handed.entity
            guard
                record.operation.entity == entity && record.operation.type != "create"
                    || Self.mentions(entity.id, in: record.operation.payload)
            else { continue }
            open[entity] = create
        }
        return open.values.filter { $0 < seq }.sorted()
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
