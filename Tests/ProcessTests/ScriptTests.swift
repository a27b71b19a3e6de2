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
            "a fault campaign without a round fails, and a strict one that leaves a kind out",
            arguments: [
                ([], "network partition", 0), (["--strict"], "network partition", 1), (["--strict"], "", 0), ([], "clock step", 1),
                (["--only", "clock step,kill"], "clock step", 0), (["--only", "clock step"], "clock step", 1), (["--rounds", "0"], "", 1),
            ] as [([String], String, Int32)])
        func campaign(arguments: [String], cannot: String, status: Int32) async throws {
            // The campaign itself, in which nothing breaks.
            let program = """
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
            let place = PrometheusServer.repository("scripts/torture")
            let answer = try await Shell.run(["python3", "-B", "-c", program, place, cannot] + arguments)
            #expect(answer.status == status && answer.output.contains("measured: "), "\(answer.output)\(answer.errors)")
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
