import Foundation
import GuardianCore
import GuardianLoad
import Testing

extension ProcessTests {
    /// `seal.key_file`, `GUARDIAN_SEAL_KEY` and `guardian rekey` on the real binary.
    @Suite(.serialized) struct SealTests {
        private static let canary = "canary-5555444433331111"

        private func key(_ workplace: Workplace, _ names: String...) throws -> [String: String] {
            let lines = try names.map { name -> String in
                let file = workplace.path + "/" + name
                if let known = FileManager.default.contents(atPath: file) { return String(decoding: known, as: UTF8.self) }
                var random = SystemRandomNumberGenerator()
                let text = Data((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }).base64EncodedString()
                try text.write(toFile: file, atomically: true, encoding: .utf8)
                return text
            }
            let file = workplace.path + "/" + UUID().uuidString + ".keys"
            try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
            return ["GUARDIAN_SEAL_KEY_FILE": file]
        }

        private func fill(_ workplace: Workplace, _ count: Int, _ keys: [String: String] = [:]) async throws {
            let lines = (0..<count).map {
                #"{"id":"op-\#($0)","operation_type":"update","entity_type":"note","entity_id":"n\#($0)","payload":{"text":"\#(Self.canary)"}}"#
            }
            let file = workplace.path + "/lines.ndjson"
            try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
            let answer = try await workplace.run("enqueue", "--from-file", file, environment: keys)
            #expect(answer.status == 0, "\(answer.errors)")
            try FileManager.default.removeItem(atPath: file)
        }

        private func filesWithCanary(_ workplace: Workplace) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: workplace.path).filter { name in
                FileManager.default.contents(atPath: workplace.path + "/" + name)?.range(of: Data(Self.canary.utf8)) != nil
            }
        }

        @Test("a sealed queue is delivered in clear to the upstream, and no file of it, log or answer of a wrong key shows a payload")
        func delivers() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let keys = try key(workplace, "one")
            try await fill(workplace, 50, keys)
            #expect(try filesWithCanary(workplace) == [])
            let show = try await workplace.run("show", "op-7", "--json", environment: keys)
            #expect(show.json["payload"]?["text"]?.string == Self.canary)
            for wrong in [[:], try key(workplace, "two")] {
                for command in ["status", "check", "list"] {
                    let answer = try await workplace.run(command, environment: wrong)
                    #expect(answer.status == 4, "\(command): \(answer.errors)")
                    #expect(answer.errors.contains("sealed under key"))
                    #expect(!(answer.output + answer.errors).contains(Self.canary))
                }
            }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let serve = try await Guardian.start(
                workplace.arguments(upstream: backend.url), environment: Workplace.quick.merging(keys) { $1 })
            defer { serve.kill() }
            try await Web.wait("50 processed") { try await Web.processed(serve.url) >= 50 }
            #expect(try await Web.effects(backend.url).count == 50)
            #expect(!serve.errors.contains(Self.canary))
            #expect(serve.terminate() == 0)
            #expect(try filesWithCanary(workplace) == [])
        }

        @Test("serve with a wrong key stays up, says so, and is ready when the right one is there; bad keys are a usage error")
        func wrongKey() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (one, two) = (try key(workplace, "one"), try key(workplace, "two"))
            try await fill(workplace, 3, one)
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: Workplace.quick.merging(two) { $1 }, ready: "not ready on ")
            defer { serve.kill() }
            try await Web.expectNotReady(serve.url, because: "sealed under key")
            let file = try #require(two["GUARDIAN_SEAL_KEY_FILE"])
            let right = try String(contentsOfFile: try #require(one["GUARDIAN_SEAL_KEY_FILE"]), encoding: .utf8)
            try right.write(toFile: file, atomically: true, encoding: .utf8)
            try await Web.wait("the ready line") { serve.errors.contains("guardian: ready on ") }
            #expect(try await Web.listed(serve.url).count == 3)
            #expect(serve.terminate() == 0)
            for bad in ["", "no key at all", "AAAA"] {
                try bad.write(toFile: file, atomically: true, encoding: .utf8)
                let answer = try await Guardian.run(workplace.arguments(upstream: Workplace.nobody), environment: two)
                #expect(answer.status == 2)
                #expect(answer.errors.contains("seal.key_file"))
            }
            let inFile = workplace.path + "/config.yaml"
            try "seal: { key: AAAA }".write(toFile: inFile, atomically: true, encoding: .utf8)
            let refused = try await workplace.run("status", "--config", inFile)
            #expect(refused.status == 2 && refused.errors.contains("GUARDIAN_SEAL_KEY"), "\(refused.errors)")
        }

        @Test("a key from the environment seals, and is not in the environment of the running process any more")
        func fromEnvironment() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let text = Data((0..<32).map { UInt8(truncatingIfNeeded: $0 &* 11) }).base64EncodedString()
            let keys = ["GUARDIAN_SEAL_KEY": text]
            try await fill(workplace, 3, keys)
            #expect(try filesWithCanary(workplace) == [])
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: Workplace.quick.merging(keys) { $1 })
            defer { serve.kill() }
            #expect(try held(by: serve, text) == [])
        }

        @Test("no process of guardian may leave a core file, sealed or not, and none has a key in its environment")
        func leavesNoCore() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let unsealed = try await workplace.serve(upstream: Workplace.nobody)
            #expect(try held(by: unsealed, "no key") == [])
            #expect(unsealed.terminate() == 0)
            let text = Data((0..<32).map { UInt8(truncatingIfNeeded: $0 &* 13) }).base64EncodedString()
            let command = try Guardian.launch(
                ["metrics", "--watch", "--every", "1h", "--listen", "127.0.0.1:1", "--data-dir", workplace.path],
                environment: ["GUARDIAN_SEAL_KEY": text])
            defer { command.kill() }
            try await Web.wait("the command") { try held(by: command, text) == [] }
        }

        /// What a process has that it should not: a core file's leave, a key in its environment.
        private func held(by process: Guardian, _ key: String) throws -> [String] {
            let environment = FileManager.default.contents(atPath: "/proc/\(process.pid)/environ") ?? Data()
            let limits = try String(contentsOfFile: "/proc/\(process.pid)/limits", encoding: .utf8)
            let core = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
            var found: [String] = []
            if core?.split(whereSeparator: \.isWhitespace)[4] != "1" { found.append("core") }
            if environment.isEmpty || environment.range(of: Data(key.utf8)) != nil { found.append("key") }
            return found
        }

        /// What `doctor` says of sealing: the verdict, and why.
        private func sealing(_ workplace: Workplace, _ keys: [String: String]) async throws -> (verdict: String?, detail: String) {
            let answer = try await workplace.run("doctor", "--upstream", Workplace.nobody, "--json", environment: keys)
            let check = answer.json["checks"]?.elements?.first { $0["check"]?.string == "sealing" }
            return (check?["verdict"]?.string, check?["detail"]?.string ?? "")
        }

        @Test("commands that are given another key than a serve that runs say so, and change nothing for it")
        func besideAnotherKey() async throws {
            for isSealed in [true, false] {
                let workplace = try Workplace()
                defer { workplace.remove() }
                let own = try isSealed ? key(workplace, "one") : [:]
                let given = try key(workplace, "two", "one")
                let serve = try await Guardian.start(
                    workplace.arguments(upstream: Workplace.nobody), environment: Workplace.quick.merging(own) { $1 })
                defer { serve.kill() }
                for command in ["status", "list", "check", "pause"] {
                    let answer = try await workplace.run(command, environment: given)
                    #expect(answer.status == 0, "\(command): \(answer.errors)")
                    #expect(answer.errors.contains("the first one given"), "\(command): \(answer.errors)")
                }
                let said = try await sealing(workplace, given)
                #expect(said.verdict == "warning" && said.detail.contains("the first one given"), "\(said)")
                try await fill(workplace, 3, given)
                #expect(try await Web.post(serve.url, Web.operation) == 202)
                #expect(serve.terminate() == 0)
                let after = try await workplace.run("list", environment: own)
                #expect(after.status == 0 && after.errors.isEmpty, "\(after.errors)")
                #expect(try filesWithCanary(workplace).isEmpty == isSealed)
            }
        }

        @Test("a key that serve has taken up is not called all there is before rekey has ended")
        func halfSealed() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try await fill(workplace, 3)
            #expect(try await sealing(workplace, [:]).verdict == "ok")
            let keys = try key(workplace, "one")
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: Workplace.quick.merging(keys) { $1 })
            defer { serve.kill() }
            #expect(serve.terminate() == 0)
            let before = try await sealing(workplace, keys)
            #expect(before.verdict == "warning" && before.detail.contains("guardian rekey"), "\(before)")
            #expect(try await workplace.run("rekey", environment: keys).status == 0)
            let after = try await sealing(workplace, keys)
            #expect(after.verdict == "ok" && after.detail.contains("is sealed under key"), "\(after)")
        }

        @Test("rekey killed again and again loses nothing, and in the end all of it is under the new key and nothing is left in clear")
        func killedRekey() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let count = ProcessInfo.processInfo.environment["GUARDIAN_REKEY_JOB"].flatMap { Int($0) } ?? 20_000
            try await fill(workplace, count)
            #expect(try filesWithCanary(workplace).contains("guardian.sqlite"))
            let (one, both, two) = (try key(workplace, "one"), try key(workplace, "two", "one"), try key(workplace, "two"))
            var random = SystemRandomNumberGenerator()
            for keys in [one, both] {
                var kills = 0
                for round in 0..<200 {
                    let run = try Guardian.launch(["rekey", "--data-dir", workplace.path], environment: keys)
                    // Later each time, so that every part of it is met.
                    let wait = Int.random(in: 1...(20 + 30 * round), using: &random)
                    let end = ContinuousClock.now + .milliseconds(wait)
                    while run.isRunning, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(1)) }
                    guard run.isRunning else { break }
                    run.kill()
                    kills += 1
                    if kills % 5 == 0 {
                        let check = try await workplace.run("check", "--json", environment: keys)
                        #expect(check.status == 0 && check.json["gap"]?.integer == 0, "\(check.output)\(check.errors)")
                    }
                }
                let last = try await workplace.run("rekey", environment: keys)
                #expect(last.status == 0, "\(last.errors)")
                #expect(try filesWithCanary(workplace) == [])
                print("measured: \(kills) kills, \(count) operations")
            }
            #expect(try await workplace.run("status", environment: one).status == 4)
            let check = try await workplace.run("check", "--json", environment: two)
            #expect(check.status == 0 && check.json["pending"]?.integer == Int64(count), "\(check.output)\(check.errors)")
            let show = try await workplace.run("show", "op-\(count - 1)", "--json", environment: two)
            #expect(show.json["payload"]?["text"]?.string == Self.canary)
        }

        /// Flips a bit of a sealed payload, in the file itself.
        private func flip(payloadOf id: String, in workplace: Workplace) async throws {
            try await workplace.sqlite("PRAGMA wal_checkpoint(TRUNCATE)")
            let hex = try await workplace.sqlite("SELECT hex(payload) FROM guardian_operation WHERE id = '\(id)'")
            let digits = Array(hex.trimmingCharacters(in: .whitespacesAndNewlines))
            let sealed = stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
            let content = try Data(contentsOf: URL(fileURLWithPath: workplace.store))
            let place = try #require(content.range(of: Data(sealed))).upperBound - 1
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: workplace.store))
            try file.seek(toOffset: UInt64(place))
            try file.write(contentsOf: Data([content[place] ^ 1]))
            try file.close()
        }

        @Test("a sealed store with one flipped byte: the others are delivered, the lost one is named, and a repair mends the file")
        func oneFlippedByte() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let keys = try key(workplace, "one")
            try await fill(workplace, 20, keys)
            try await flip(payloadOf: "op-7", in: workplace)
            #expect(try await workplace.sqlite("PRAGMA integrity_check").hasPrefix("ok"), "SQLite sees nothing")
            let before = try await workplace.run("show", "op-7", "--json", environment: keys)
            #expect(before.status == 0 && before.json["last_error"]?["code"]?.string == "STORE_DAMAGED", "\(before)")

            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let serve = try await Guardian.start(
                workplace.arguments(upstream: backend.url), environment: Workplace.quick.merging(keys) { $1 })
            defer { serve.kill() }
            try await Web.wait("19 processed") { try await Web.processed(serve.url) >= 19 }
            #expect(try await Web.failed(serve.url) == 1)
            #expect(try await Web.effects(backend.url).count == 19)
            #expect(serve.terminate() == 0)

            let failed = try await workplace.run("list", "--status", "failed", "--json", environment: keys).json.elements ?? []
            #expect(failed.map { $0["id"]?.string } == ["op-7"])
            #expect(failed.first?["last_error"]?["code"]?.string == "STORE_DAMAGED")
            let check = try await workplace.run("check", environment: keys)
            #expect(check.status == 1 && check.output.contains("can't be opened"), "\(check)")
            let repair = try await workplace.run("check", "--repair", "--yes", "--json", environment: keys)
            let report = repair.json["repair"]
            #expect(repair.status == 1 && report?["lost"]?.integer == 1, "\(repair)")
            #expect(report?["lost_operations"]?.elements?.map { $0["id"]?.string } == ["op-7"])
            let aside = try #require(report?["aside"]?.string)
            #expect(FileManager.default.fileExists(atPath: aside))
            let after = try await workplace.run("check", "--json", environment: keys)
            #expect(after.status == 0 && after.json["failed"]?.integer == 1, "\(after)")
            #expect(try await workplace.run("cancel", "op-7", "--yes", environment: keys).status == 0)
        }

        @Test("beside a serve that takes and delivers, rekey loses nothing")
        func besideServe() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let (one, both) = (try key(workplace, "one"), try key(workplace, "two", "one"))
            let file = try #require(one["GUARDIAN_SEAL_KEY_FILE"])
            let serve = try await Guardian.start(
                workplace.arguments(upstream: backend.url), environment: Workplace.quick.merging(one) { $1 })
            defer { serve.kill() }
            let lines = Workload(seed: 3, operations: 600).map(\.ndjson)
            // The key file is changed under the running process, as a person does it.
            async let rotated: Guardian.Answer = {
                let keys = try String(contentsOfFile: try #require(both["GUARDIAN_SEAL_KEY_FILE"]), encoding: .utf8)
                try keys.write(toFile: file, atomically: true, encoding: .utf8)
                return try await workplace.run("rekey", "--json", environment: one)
            }()
            for line in lines { #expect(try await Web.post(serve.url, line) == 202) }
            let answer = try await rotated
            #expect(answer.status == 0, "\(answer.errors)")
            try await Web.wait("all processed") { try await Web.processed(serve.url) >= 600 }
            #expect(try await Web.effects(backend.url).count == 600)
            #expect(serve.terminate() == 0)
            #expect(try await workplace.run("check", environment: try key(workplace, "two")).status == 0)
        }

        @Test("rekey names a serve that runs without the new key, which is not ready until its key file has it")
        func besideServeWithoutKey() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (one, both) = (try key(workplace, "one"), try key(workplace, "two", "one"))
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: Workplace.quick.merging(one) { $1 })
            defer { serve.kill() }
            func lock() async throws -> JSONValue { try await workplace.run("lock", "status", "--json", environment: one).json }
            try await Web.wait("the lock") { try await lock()["held"] == true }
            let owner = try #require(try await lock()["owner"]?.string)
            #expect(try await Web.get(serve.url, "/readyz").status == 200)
            let rekey = try await workplace.run("rekey", environment: both)
            #expect(rekey.status == 0 && rekey.errors.contains(owner) && rekey.errors.contains("/readyz 503"), "\(rekey.errors)")
            // A try that worked counts for a second.
            try await Web.wait("not to be ready") { try await Web.get(serve.url, "/readyz").status == 503 }
            let store = try await Web.get(serve.url, "/readyz").json["checks"]?["store"]
            #expect(store?["state"] == "wrong_key" && store?["ok"] == false, "\(store?.text ?? "")")
            #expect(try await Web.post(serve.url, Web.operation) == 503)
            let keys = try String(contentsOfFile: try #require(both["GUARDIAN_SEAL_KEY_FILE"]), encoding: .utf8)
            try keys.write(toFile: try #require(one["GUARDIAN_SEAL_KEY_FILE"]), atomically: true, encoding: .utf8)
            try await Web.wait("to be ready") { try await Web.get(serve.url, "/readyz").status == 200 }
            #expect(try await Web.post(serve.url, Web.operation) == 202)
            let again = try await workplace.run("rekey", environment: both)
            #expect(again.status == 0 && again.errors.isEmpty, "it is under that key already: \(again.errors)")
        }
    }
}
