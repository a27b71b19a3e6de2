import Foundation
import Testing

@Suite("What runs without anybody looking")
struct WorkflowTests {
    let tree = SourceTree.current

    private func workflow() throws -> String { try #require(tree.file(".github/workflows/sync_engine_ci.yml")).text }

    /// One job of it.
    private func job(_ name: String) throws -> String {
        let text = try workflow()
        let start = try #require(text.range(of: "\n  \(name):\n"), "there is no job \(name)")
        let rest = text[start.upperBound...]
        let end = rest.firstMatch(of: /\n  [a-z][a-z-]*:\n/)?.range.lowerBound
        return String(rest[..<(end ?? rest.endIndex)])
    }

    @Test("A push ends the run of an earlier push, and not the one of the night")
    func nightGoesOn() throws {
        let text = try workflow()
        let group = try #require(text.firstMatch(of: /\n  group: (.*)\n/)).1
        #expect(group.contains("github.event_name") && group.contains("github.ref"))
    }

    @Test("At night no fault is left out because a tool is not there")
    func everyFaultStrikes() throws {
        let (faults, accept) = (try job("faults"), try job("accept"))
        #expect(faults.contains("make torture") && faults.contains("STRICT=1"))
        for job in [faults, accept] { #expect(job.contains("iproute2 nftables")) }
        let makefile = try #require(tree.file("Makefile")).text
        #expect(makefile.contains("${STRICT:+--strict}"))
    }

    @Test("What is built without optimization runs no test of speed, and leaves out only tests that there are")
    func speedIsForRelease() throws {
        var patterns: Set<String> = []
        for path in ["scripts/coverage.sh", "scripts/sanitize.sh"] {
            let script = try #require(tree.file(path)).text
            let pattern = try #require(script.firstMatch(of: /\nspeed='(.*)'\n/), "\(path) leaves none out").1
            patterns.insert(String(pattern))
            #expect(script.contains("$speed\"") && script.contains(" --skip \""), "\(path)")
        }
        #expect(patterns.count == 1)
        let suites = patterns.first?.matches(of: #/(\w+)/(?:\(([\w|]+)\)|(\w+))/#) ?? []
        #expect(!suites.isEmpty)
        for match in suites {
            let suite = try #require(tree.files(in: "Tests", endingIn: ["/\(match.1).swift"]).first, "there is no \(match.1)")
            for name in (match.2 ?? match.3 ?? "").split(separator: "|") {
                #expect(suite.text.contains("func \(name)"), "\(match.1) has no \(name)")
            }
        }
    }

    @Test("Coverage runs no test of the binary, which its job does not build")
    func coverageBuildsItsTests() throws {
        let script = try #require(tree.file("scripts/coverage.sh")).text
        #expect(script.contains(#"--skip "^ProcessTests\.|"#))
    }
}
