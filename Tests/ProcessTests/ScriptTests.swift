import Foundation
import Testing

extension ProcessTests {
    /// The scripts by which others are judged, where they have nothing to show.
    @Suite struct ScriptTests {
        @Test("an acceptance run that finds nothing of that name does not pass", arguments: [("speeed", ""), ("", "42")])
        func nothingAccepted(item: String, part: String) async throws {
            let script = PrometheusServer.repository("scripts/accept.sh")
            let answer = try await Shell.run([script], environment: ["ITEM": item, "PART": part])
            #expect(answer.status == 2 && answer.errors.contains("nothing is called that"), "\(answer.output)\(answer.errors)")
        }

        @Test(
            "the lines of an acceptance run come whole and in order, though some run beside each other; how many hold is said, and decides",
            .enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1, "on one core no two lines run at once"))
        func acceptsInOrder() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let folder = workplace.path + "/scripts"
            try FileManager.default.createDirectory(atPath: folder + "/accept", withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: PrometheusServer.repository("scripts/accept.sh"), toPath: folder + "/accept.sh")
            let lines = """
                beside first "ends when the next has begun" "until [ -e begun ]; do sleep 0.02; done; echo 'measured: 1'"
                beside second "is told after it" "touch begun; echo 'measured: 2'; echo 'of no matter'"
                item third "does not hold" "echo why; false"

                """
            try lines.write(toFile: folder + "/accept/1-lines.sh", atomically: true, encoding: .utf8)
            func accept(_ item: String) async throws -> Guardian.Answer {
                try await Shell.run(
                    ["timeout", "60", folder + "/accept.sh"], environment: ["ITEM": item, "PART": "", "FULL": "", "LANES": ""])
            }
            let all = try await accept("")
            let told = all.output.split(separator: "\n")
            let expected = [
                "holds          first: ends when the next has begun: measured: 1 (",
                "holds          second: is told after it: measured: 2 (",
                "DOES NOT HOLD  third: does not hold (", "why", "2 of 3 lines hold, in ",
            ]
            #expect(all.status == 1 && told.count == expected.count, "\(all.output)\(all.errors)")
            for (line, start) in zip(told, expected) { #expect(line.hasPrefix(start), "\(all.output)") }
            let one = try await accept("second")
            #expect(one.status == 0 && one.output.contains("1 of 1 lines hold"), "\(one.output)\(one.errors)")
        }

        /// The fault campaign itself, in which nothing breaks. Wants the place of its scripts, and the kind that can't be done, before its
        /// own arguments.
        private static let harmless = """
            import sys
            sys.path.insert(0, sys.argv.pop(1))
            without = sys.argv.pop(1)
            import torture
            torture.isolate = lambda: None
            torture.build_faults = lambda directory: ""
            torture.cannot = lambda kind: "says the test" if kind == without else None
            counts = ("operations", "lost", "doubled", "disordered", "named")
            torture.campaign = lambda kind, rounds, seed, faults: {
                "fault": kind, "rounds": rounds, "recovery": [], "broken": None, **dict.fromkeys(counts, 0)}
            sys.exit(torture.main())
            """

        private func campaign(without kind: String, _ arguments: [String]) async throws -> Guardian.Answer {
            try await Shell.run(["python3", "-B", "-c", Self.harmless, PrometheusServer.repository("scripts/torture"), kind] + arguments)
        }

        @Test(
            "a fault campaign without a round fails, and a strict one that leaves a kind out",
            arguments: [
                ([], "network partition", 0), (["--strict"], "network partition", 1), (["--strict"], "", 0), ([], "clock step", 1),
                (["--only", "clock step,kill"], "clock step", 0), (["--only", "clock step"], "clock step", 1), (["--rounds", "0"], "", 1),
            ] as [([String], String, Int32)])
        func campaign(arguments: [String], cannot: String, status: Int32) async throws {
            let answer = try await campaign(without: cannot, arguments)
            #expect(answer.status == status && answer.output.contains("measured: "), "\(answer.output)\(answer.errors)")
        }

        @Test("campaigns that share the faults strike with each of them once; a part that there can't be is refused")
        func parts() async throws {
            func struck(_ part: String) async throws -> [String] {
                let answer = try await campaign(without: "", ["--part", part])
                #expect(answer.status == 0, "\(answer.output)\(answer.errors)")
                // Behind the seed and the head of the table, before the sum.
                return answer.output.split(separator: "\n").dropFirst(2).dropLast().map {
                    $0.prefix(28).trimmingCharacters(in: .whitespaces)
                }
            }
            let all = try await struck("1/1")
            var shared: [String] = []
            for part in ["1/3", "2/3", "3/3"] { shared += try await struck(part) }
            #expect(all.count > 20 && shared.count == all.count && Set(shared) == Set(all), "\(shared)")
            for part in ["0/3", "4/3", "third"] {
                let answer = try await campaign(without: "", ["--part", part])
                #expect(answer.status == 2 && answer.errors.contains("--part"), "\(answer.output)\(answer.errors)")
            }
        }

        @Test("a queue that can take many at once is measured by that, any other one by one")
        func peers() async throws {
            let program = """
                import sys
                sys.path.insert(0, sys.argv[1])
                import peers
                for name, peer in peers.PEERS.items():
                    drains = [axis for axis in peer.axes if axis.startswith("drain")]
                    assert drains == ["drain-batch" if hasattr(peer, "together") else "drain"], name
                """
            let answer = try await Shell.run(["python3", "-B", "-c", program, PrometheusServer.repository("scripts")])
            #expect(answer.status == 0, "\(answer.errors)")
        }

        @Test("lint reads the scripts, but for a bash that is too old to", arguments: [true, false])
        func lint(isOld: Bool) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            // A bash that is asked for its version with -c, and reads with -n.
            for (name, text) in [("swift", "exit 0"), ("bash", "case $1 in -c) exit \(isOld ? 1 : 0) ;; *) exit 2 ;; esac")] {
                _ = FileManager.default.createFile(
                    atPath: workplace.path + "/" + name, contents: Data("#!/bin/sh\n\(text)\n".utf8),
                    attributes: [.posixPermissions: 0o755])
            }
            let path = workplace.path + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
            let answer = try await Shell.run(["make", "-C", PrometheusServer.repository("."), "lint"], environment: ["PATH": path])
            #expect((answer.status == 0) == isOld, "\(answer.output)\(answer.errors)")
            #expect(answer.output.contains("are not checked") == isOld, "\(answer.output)\(answer.errors)")
        }
    }
}
