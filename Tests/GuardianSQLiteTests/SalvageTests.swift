import Foundation
import GRDB
import GuardianCore
import GuardianPrivacy
import GuardianSQLite
import Testing

private let start = Timestamp(milliseconds: 1_800_000_000_000)

/// What a salvage brings over beside operations.
@Suite(.serialized) struct SalvageTests {
    private static let references = References(["device": ["room_id": "room"]])

    private func operation(
        _ type: String, _ entityType: String, _ entityID: String, _ payload: String = "{}", id: String
    ) throws -> GuardianCore.Operation {
        var random = Xoshiro256(seed: UInt64(id.utf8.reduce(7) { $0 &* 31 &+ Int($1) }.magnitude))
        let new = NewOperation(type, entityType: entityType, entityID: entityID, payload: payload, id: id)
        var operation = try Admission().admit(new, at: start, random: &random)
        operation.references = Self.references.of(operation, assigned: ["room", "device"])
        return operation
    }

    /// Something in every table that a store has.
    private func fill(_ store: SQLiteStore, _ path: String) async throws {
        _ = try await store.deviceID()
        for number in 0..<2 {
            try await store.register(
                OptimisticChange(txnToken: "t\(number)", entity: EntityKey(type: "room", id: "x\(number)"), original: "{}"), now: start)
        }
        var fails = try operation("update", "room", "x0", id: "fails")
        fails.txnToken = "t0"
        _ = try await store.enqueue([operation("create", "room", "A", id: "made"), fails])
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: start, staleAfterMs: 1000) else {
            throw StoreError.unavailable("not acquired")
        }
        let claims = try await store.exchange(Exchange(fence: fence, now: start, urgent: 0, normal: 9)).claims
        let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "no")
        let settlements = claims.map { claim in
            guard claim.operation.type == "create" else {
                return Settlement(seq: claim.seq, id: claim.operation.id, result: .failed(error))
            }
            return Settlement(
                seq: claim.seq, id: claim.operation.id, result: .processed, server: ServerState(state: "{}", etag: "e"), assignedID: "S")
        }
        let health = OriginHealth(openUntil: start, holdUntil: nil, trips: 1)
        _ = try await store.exchange(Exchange(fence: fence, now: start, settlements: settlements, health: health))
        // One that waits for a create, which waits too.
        _ = try await store.enqueue([
            operation("create", "room", "R", id: "waits"), operation("create", "device", "D", #"{"room_id":"R"}"#, id: "points"),
        ])
        // And what is in hand.
        let inHand = try await store.exchange(Exchange(fence: fence, now: start, urgent: 0, normal: 1)).claims
        #expect(inHand.map(\.operation.id) == [.text("waits")])
        try await store.setPause(.operator, to: true)
        let queue = try DatabaseQueue(path: path)
        try await queue.write { db in try db.execute(sql: "INSERT INTO guardian_feed VALUES ('feed', 'cursor', 0)") }
        try queue.close()
    }

    @Test("every table is brought over, but for how far feeds were followed", arguments: [false, true])
    func everyTable(isSealed: Bool) async throws {
        try await withStoreDirectory { path in
            var configuration = SQLiteStore.Configuration(path: path)
            // A store in clear names no key.
            configuration.sealing = isSealed ? Keys(.random()) : nil
            let store = try SQLiteStore.open(configuration)
            try await fill(store, path)
            let tallies = Set(try await store.tallies().map { "\($0)" })
            #expect(tallies.count == 2)
            try store.close()

            let report = try SQLiteStore.quarantine(configuration, problem: "for a test", now: start)
            #expect(report.lost == [] && report.lostUnnamed == 0)
            let (old, new) = (try DatabaseQueue(path: report.aside), try DatabaseQueue(path: path))
            let names = try await new.read { db in
                try String.fetchAll(db, sql: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'guardian%' ORDER BY name")
            }
            #expect(names.count > 15)
            // Entries of lines in which nobody stands are left out.
            for name in names where name != "guardian_line" && (isSealed || name != "guardian_seal") {
                let count = "SELECT count(*) FROM \(name)"
                let before = try await old.read { db in try Int.fetchOne(db, sql: count) ?? 0 }
                let after = try await new.read { db in try Int.fetchOne(db, sql: count) ?? 0 }
                #expect(before > 0, "\(name) is to be filled, so that it is looked at")
                #expect(after == (name == "guardian_feed" ? 0 : before), "\(name)")
            }
            try old.close()
            try new.close()
            let after = try SQLiteStore.open(configuration)
            let brought = Set(try await after.tallies().map { "\($0)" })
            #expect(brought == tallies)
            let control = try await after.loadControl()
            #expect(control.pauses == [.operator])
            let check = try await after.check()
            #expect(check.problems == [] && check.gap == 0)
            try after.close()
        }
    }

    @Test("a store that is salvaged without its key, or with another one first, stays sealed under its own")
    func keepsSeal() async throws {
        let (own, other) = (SealKey.random(), SealKey.random())
        for given in [nil, Keys(other, others: [own]), Keys(own)] {
            try await withStoreDirectory { path in
                let store = try openStore(path, Keys(own))
                _ = try await store.enqueue([operation("update", "room", "a", id: "one")])
                try store.close()
                var configuration = SQLiteStore.Configuration(path: path)
                configuration.sealing = given
                configuration.adoptsKey = false
                let report = try SQLiteStore.quarantine(configuration, problem: "for a test", now: start)
                #expect(report.recovered == 1 && report.lost == [])
                let error = #expect(throws: StoreError.self) { _ = try openStore(path) }
                #expect(error?.name == "wrong_key", "without a key nobody writes")
                let after = try openStore(path, Keys(own), adoptsKey: false)
                let key = try await after.sealKey()
                #expect(key == own.id.description)
                _ = try await after.enqueue([operation("update", "room", "b", id: "two")])
                #expect(try await after.list(OperationFilter()).allSatisfy { $0.payload == "{}" })
                #expect(try clearValues(at: path) == [])
                try after.close()
            }
        }
    }

    @Test("a change that was shown is told its end although its snapshot, the reason or the server's state can't be opened")
    func sparesSnapshots() async throws {
        try await withStoreDirectory { path in
            let keys = Keys(.random())
            let store = try openStore(path, keys)
            // The change t0 has ended, and t1 is open.
            try await fill(store, path)
            try store.close()
            let queue = try DatabaseQueue(path: path)
            try await queue.write { db in
                try db.execute(sql: "UPDATE guardian_optimistic SET original = zeroblob(60)")
                #expect(db.changesCount == 2)
                let lost = "original = zeroblob(60), state = zeroblob(60), error_message = zeroblob(60)"
                try db.execute(sql: "UPDATE guardian_optimistic_ending SET \(lost)")
                #expect(db.changesCount == 1)
            }
            try queue.close()
            var configuration = SQLiteStore.Configuration(path: path)
            configuration.sealing = keys
            let report = try SQLiteStore.quarantine(configuration, problem: "for a test", now: start)
            #expect(report.lost == [])

            let after = try openStore(path, keys)
            let told = try await after.endings(after: 0, limit: 9)
            try #require(told.map(\.change.txnToken) == ["t0"])
            #expect(told[0].change.original == nil && told[0].state == nil)
            #expect(told[0].reason?.code == "HTTP_422" && told[0].reason?.message == "")
            let isWithdrawn = try await after.withdraw(txnToken: "t1", now: start)
            #expect(isWithdrawn)
            let tokens = try await after.endings(after: 0, limit: 9).map(\.change.txnToken)
            #expect(tokens == ["t0", "t1"])
            let problems = try await after.check().problems
            #expect(problems == [])
            try after.close()
        }
    }

    @Test("an operation of which only the last error can't be opened is brought over without it")
    func sparesMessages() async throws {
        try await withStoreDirectory { path in
            let keys = Keys(.random())
            let store = try openStore(path, keys)
            try await fill(store, path)
            try store.close()
            let queue = try DatabaseQueue(path: path)
            try await queue.write { db in
                try db.execute(sql: "UPDATE guardian_operation SET error_message = zeroblob(60) WHERE error_message IS NOT NULL")
                #expect(db.changesCount == 1)
            }
            try queue.close()
            var configuration = SQLiteStore.Configuration(path: path)
            configuration.sealing = keys
            let report = try SQLiteStore.quarantine(configuration, problem: "for a test", now: start)
            #expect(report.lost == [])
            let after = try openStore(path, keys)
            let failed = try #require(try await after.operation(.text("fails")))
            #expect(failed.payload == "{}" && failed.lastError?.code == "HTTP_422" && failed.lastError?.message == "")
            #expect(try await after.check().problems == [])
            try after.close()
        }
    }

    @Test("what is known of entities is brought over, whatever number their names hash to")
    func everyEntity() async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path)
            let operations = try (0..<100).map { try operation("update", "room", "e\($0)", id: "op-\($0)") }
            _ = try await store.enqueue(operations)
            guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: start, staleAfterMs: 1000) else {
                throw StoreError.unavailable("not acquired")
            }
            let claims = try await store.exchange(Exchange(fence: fence, now: start, urgent: 0, normal: 100)).claims
            let settlements = claims.map {
                Settlement(seq: $0.seq, id: $0.operation.id, result: .processed, server: ServerState(state: "{}", etag: "e"))
            }
            _ = try await store.exchange(Exchange(fence: fence, now: start, settlements: settlements))
            try store.close()
            let report = try SQLiteStore.quarantine(SQLiteStore.Configuration(path: path), problem: "for a test", now: start)
            #expect(report.rows["guardian_entity"] == 100)
        }
    }

    @Test("a row that the schema refuses is left out, and takes no other with it")
    func refusedRow() async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path)
            _ = try await store.enqueue([operation("update", "room", "a", id: "one")])
            try store.close()
            let queue = try DatabaseQueue(path: path)
            try await queue.writeWithoutTransaction { db in
                try db.execute(
                    sql: """
                        PRAGMA ignore_check_constraints = ON;
                        INSERT INTO guardian_books SELECT 0, 7, 7, 7, 7, 7, 7, 7, 7 FROM guardian_books;
                        """)
            }
            try queue.close()
            let report = try SQLiteStore.quarantine(SQLiteStore.Configuration(path: path), problem: "for a test", now: start)
            #expect(report.rows["guardian_books"] == 1 && report.recovered == 1 && report.lostCount == 0 && report.isLossKnown)
        }
    }
}
