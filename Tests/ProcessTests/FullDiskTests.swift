import Foundation
import GuardianCore
import Synchronization
import Testing

extension ProcessTests {
    /// A volume of 64 MiB that another file fills while operations flow through the real `serve`.
    @Suite(.serialized, .enabled(if: SmallDisk.isPossible, "mounting needs root")) struct FullDiskTests {
        private static let megabytes = 64

        private func body(_ id: String, priority: Int = 0) -> String {
            let padding = String(repeating: "x", count: 4000)
            return """
                {"id":"\(id)","operation_type":"update","entity_type":"room","entity_id":"\(id)","priority":\(priority),\
                "payload":{"seq":1,"padding":"\(padding)"}}
                """
        }

        /// What posters were told.
        private final class Told: Sendable {
            let acknowledged = Mutex<Set<String>>([])
            let refusals = Mutex<[Web.Answer]>([])
            let isOver = Mutex(false)

            var count: Int { acknowledged.withLock { $0.count } }
        }

        /// Posts one operation after the other until it is over, or its task is cancelled. A request that breaks off was not acknowledged,
        /// and is posted again with its id; so is one that was refused.
        private func post(_ url: String, _ lane: Int, _ told: Told) async {
            var number = 0
            while !told.isOver.withLock({ $0 }), !Task.isCancelled {
                let id = "lane-\(lane)-\(number)"
                let answer: Web.Answer
                do { answer = try await Web.send("POST", url, "/v1/operations", body: body(id)) } catch { continue }
                if answer.status == 202 {
                    _ = told.acknowledged.withLock { $0.insert(id) }
                    number += 1
                    continue
                }
                told.refusals.withLock { if $0.count < 1000 { $0.append(answer) } }
                do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
            }
        }

        private func free(_ path: String) throws -> Int {
            try FileManager.default.attributesOfFileSystem(forPath: path)[.systemFreeSize] as? Int ?? -1
        }

        @Test("a disk that another file fills: nothing acknowledged is lost, delivery goes on, and room is all it takes to take more")
        func fills() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let disk = try SmallDisk(on: workplace.path, megabytes: Self.megabytes)
            defer { disk.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0", "--latency", "20ms"])
            defer { backend.kill() }
            let serve = try await workplace.serve(upstream: backend.url)
            defer { serve.kill() }
            let told = Told()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<8 { group.addTask { await post(serve.url, lane, told) } }
                try await Web.wait("a queue to lose") { told.count >= 500 }
                let filler = try Filler(in: disk, bytes: Self.megabytes << 20)
                let whenFull = told.count
                try await Web.wait("a refusal") { told.refusals.withLock { !$0.isEmpty } }
                let refusal = try #require(told.refusals.withLock { $0.first })
                #expect(refusal.status == 507, "\(refusal.body)")
                #expect(refusal.json["detail"]?.string?.contains(/[0-9]+ bytes free, [0-9]+ needed/) == true, "\(refusal.body)")
                // With nothing free on the volume all that was acknowledged is delivered and settled.
                try await Web.wait("delivery on a full disk", seconds: 120) { try await Web.processed(serve.url) >= told.count }
                let left = try free(workplace.path)
                try filler.remove()
                let before = told.count
                try await Web.wait("room to take more") { told.count > before + 100 }
                told.isOver.withLock { $0 = true }
                try await group.waitForAll()
                print("measured: \(whenFull) acknowledged when the disk was full, \(left) bytes left then, \(told.count) in all")
            }
            #expect(serve.isRunning)
            try await Web.wait("all of it delivered", seconds: 120) { try await Web.processed(serve.url) >= told.count }
            let effects = try await Web.effects(backend.url)
            let delivered = effects.map { $0.entity.split(separator: "/").last.map { String($0) } ?? "" }
            #expect(delivered.count == Set(delivered).count)
            let missing = told.acknowledged.withLock { $0 }.subtracting(delivered)
            #expect(missing.isEmpty, "\(missing.prefix(3)) of \(missing.count)")
            try await workplace.expectBalance()
            // The reserve is there again for the next time.
            try await Web.wait("the reserve") {
                _ = try await Web.post(serve.url, body(UUID().uuidString))
                return (FileManager.default.contents(atPath: workplace.store + "-reserve")?.count ?? 0) == 4 << 20
            }
            #expect(serve.terminate() == 0)
        }

        /// Whoever asks `/readyz` or `guardian status` hears what posters hear.
        private func expectNotReady(_ url: String, _ workplace: Workplace, _ level: String) async throws {
            let ready = try await Web.get(url, "/readyz")
            #expect(ready.status >= 500 && ready.json["checks"]?["disk"]?["state"] == .string(level), "\(ready.body)")
            let status = try await workplace.run("status", "--json")
            #expect(status.json["disk"]?["state"] == .string(level), "\(status.output)\(status.errors)")
        }

        @Test("asking /readyz on a full disk is answered with 507, and takes nothing of the reserve")
        func probes() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let disk = try SmallDisk(on: workplace.path, megabytes: Self.megabytes)
            defer { disk.remove() }
            // Renewing its lock is what it would use the reserve for.
            let calm = Workplace.quick.merging(["GUARDIAN_LOCK_HEARTBEAT": "60s"]) { $1 }
            let serve = try await Guardian.start(workplace.arguments(upstream: Workplace.nobody), environment: calm)
            defer { serve.kill() }
            let reserve = workplace.store + "-reserve"
            try await Web.wait("the lock") { try await Web.get(serve.url, "/readyz").json["checks"]?["lock"]?["state"] == "held" }
            try await Web.wait("the reserve") { try held(reserve) == 4 << 20 }
            // A log that has shrunk to nothing must grow for the next write.
            let shrunk = try await Shell.run(["sqlite3", workplace.store, "PRAGMA wal_checkpoint(TRUNCATE)"])
            #expect(shrunk.status == 0, "\(shrunk.errors)")
            _ = try Filler(in: disk, bytes: Self.megabytes << 20)
            // What worked counts for a second.
            try await Web.wait("a write that finds no room") { try await Web.get(serve.url, "/readyz").status == 507 }
            for _ in 0..<5 {
                let ready = try await Web.get(serve.url, "/readyz")
                #expect(ready.status == 507 && ready.json["checks"]?["disk"]?["state"] == "full", "\(ready.body)")
            }
            #expect(try held(reserve) == 4 << 20)
        }

        /// Bytes of a file; 0 when it is not there.
        private func held(_ path: String) throws -> Int {
            guard FileManager.default.fileExists(atPath: path) else { return 0 }
            return try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        }

        @Test("below the first watermark only urgent work is taken, below the second none; commands say it with exit code 4")
        func watermarks() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let disk = try SmallDisk(on: workplace.path, megabytes: Self.megabytes)
            defer { disk.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            #expect(try await Web.post(serve.url, body("before")) == 202)
            try await Web.wait("the reserve") { try held(workplace.store + "-reserve") == 4 << 20 }
            // Between the watermarks: 1 MiB and 4 MiB on a volume of this size.
            var fillers = [try Filler(in: disk, bytes: try free(workplace.path) - (5 << 19))]
            try await Web.wait("the first watermark") { try await Web.post(serve.url, body("normal-\(UUID())")) == 507 }
            #expect(try await Web.post(serve.url, body("urgent", priority: 1)) == 202)
            #expect(try await Web.post(serve.url, body("low", priority: -1)) == 507)
            try await expectNotReady(serve.url, workplace, "low")
            fillers.append(try Filler(in: disk, bytes: try free(workplace.path) - (1 << 19), name: "second"))
            try await Web.wait("the second watermark") { try await Web.post(serve.url, body("urgent-\(UUID())", priority: 1)) == 507 }
            try await expectNotReady(serve.url, workplace, "full")
            let command = try await workplace.enqueue("by-command")
            #expect(command.status == 4, "\(command.errors)")
            #expect(command.errors.contains("disk is full") && command.errors.contains("needed"), "\(command.errors)")
            for filler in fillers { try filler.remove() }
            try await Web.wait("room") { try await Web.post(serve.url, body("after")) == 202 }
            #expect(try await Web.get(serve.url, "/readyz").json["checks"]?["disk"]?["state"] == "room")
            #expect(try await workplace.enqueue("by-command").status == 0)
            let listed = try await Web.listed(serve.url)
            #expect(listed.isSuperset(of: ["before", "urgent", "after", "by-command"]) && !listed.contains("low"))
            try await workplace.expectBalance()
        }

        @Test("a serve that is restarted on a full disk drains what it has on its reserve; when that is gone, explain says disk")
        func restarts() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let disk = try SmallDisk(on: workplace.path, megabytes: Self.megabytes)
            defer { disk.remove() }
            let first = try await workplace.serve(upstream: Workplace.nobody)
            defer { first.kill() }
            for number in 0..<100 { #expect(try await Web.post(first.url, body("op-\(number)")) == 202) }
            try await Web.wait("the reserve") { try held(workplace.store + "-reserve") == 4 << 20 }
            first.kill()
            let filler = try Filler(in: disk, bytes: Self.megabytes << 20)
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let second = try await workplace.serve(upstream: backend.url)
            defer { second.kill() }
            try await Web.wait("delivery on a full disk") { try await Web.processed(second.url) >= 100 }
            #expect(try await Web.effects(backend.url).count == 100)
            second.kill()
            try filler.remove()

            let third = try await workplace.serve(upstream: Workplace.nobody)
            defer { third.kill() }
            #expect(try await Web.post(third.url, body("stuck")) == 202)
            // In good order, so that nobody holds it.
            #expect(third.terminate() == 0)
            try FileManager.default.removeItem(atPath: workplace.store + "-reserve")
            _ = try Filler(in: disk, bytes: Self.megabytes << 20)
            let explained = try await workplace.run("explain", "stuck", "--json")
            if explained.status == 0 {
                #expect(explained.json["reason"]?.string == "disk", "\(explained.output)")
            } else {
                #expect(explained.status == 4 && explained.errors.contains("disk is full"), "\(explained.errors)")
            }
        }
    }
}
