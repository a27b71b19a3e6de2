import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// What `serve` does last: it copies its log back into the store.
    @Suite(.serialized) struct LastCopyTests {
        @Test("where the store can't grow as serve ends, what was acknowledged stays in the log, and that is no failure")
        func endsWithoutRoom() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/operations.ndjson"
            let job = ["sh", "-c", "\"$0\" generate --operations 2000 --entities 500 --seed 3 > \(file)", Guardian.binary]
            #expect(try await Shell.run(job).status == 0)
            #expect(try await workplace.run("enqueue", "--from-file", file).status == 0)
            #expect(try await workplace.run("pause").status == 0)
            #expect(try await workplace.sqlite("PRAGMA wal_checkpoint(TRUNCATE)").hasPrefix("0|"))
            let size = try FileManager.default.attributesOfItem(atPath: workplace.store)[.size] as? Int ?? 0
            // As on a full disk: no file may become longer than the store is.
            let limit = ["sh", "-c", #"trap '' XFSZ; ulimit -f "$0"; exec "$@""#, "\(size / 512)"]
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: Workplace.quick, wrapper: limit)
            defer { serve.kill() }
            let text = String(repeating: "x", count: 50_000)
            let body =
                #"{"id":"late","operation_type":"update","entity_type":"room","entity_id":"late","payload":{"seq":1,"text":"\#(text)"}}"#
            #expect(try await Web.post(serve.url, body) == 202)
            #expect(serve.terminate() == 0, "\(serve.errors.suffix(500))")
            let after = try FileManager.default.attributesOfItem(atPath: workplace.store)[.size] as? Int ?? 0
            #expect(after == size, "it could grow after all")
            #expect(try await workplace.run("show", "late").status == 0)
            try await workplace.expectBalance()
        }
    }
}
