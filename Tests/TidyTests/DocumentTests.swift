import Foundation
import Testing

@Suite("Documents tell the truth")
struct DocumentTests {
    let tree = SourceTree.current

    @Test(
        "Every document a newcomer looks for is there",
        arguments: [
            "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE",
        ])
    func documentsExist(name: String) {
        #expect(tree.exists(name))
    }

    @Test("A make target that a document names exists", arguments: ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
    func namedTargetsExist(name: String) throws {
        let document = try #require(tree.file(name))
        let targets = try makeTargets()
        for named in Self.makeCalls(in: document) {
            #expect(targets.keys.contains(named), "\(name) says `make \(named)`")
        }
    }

    @Test("README names the targets a newcomer needs", arguments: ["run", "test"])
    func readmeNames(target: String) throws {
        let calls = Self.makeCalls(in: try #require(tree.file("README.md")))
        #expect(calls.contains(target), "README.md never says `make \(target)`")
    }

    @Test("Every make target says what it does")
    func targetsAreExplained() throws {
        for (name, explanation) in try makeTargets() {
            #expect(!explanation.isEmpty, "the target \(name) has no `## …` line")
        }
    }

    @Test("The scripts that make and CI run exist and can be run")
    func scriptsExist() throws {
        let makefile = try #require(tree.file("Makefile")).text
        let named = makefile.matches(of: /scripts\/[\w.-]+\.sh/).map { String($0.0) } + [".ci/run"]
        for script in Set(named).sorted() {
            let path = tree.root.appendingPathComponent(script).path
            #expect(FileManager.default.isExecutableFile(atPath: path), "\(script) is missing, or not executable")
        }
    }

    @Test("The sanitizers run every target of tests but those that look at the tree, or at a binary that was built without them")
    func sanitizersRunAll() throws {
        let script = try #require(tree.file("scripts/sanitize.sh")).text
        let named = try #require(script.firstMatch(of: /\nall='(.*)'\n/))
        let pattern = try Regex("(?:\(named.1))")
        let targets = tree.directories(in: "Tests").filter { $0.hasSuffix("Tests") && $0 != "TidyTests" && $0 != "ProcessTests" }
        #expect(targets.count > 10)
        for target in targets { #expect(target.wholeMatch(of: pattern) != nil, "\(target) runs under no sanitizer") }
    }

    @Test("CHANGELOG has a section for what comes next, or for a version")
    func changelogHasSections() throws {
        let changelog = try #require(tree.file("CHANGELOG.md"))
        let sections = changelog.lines.filter { $0.contains(/^## \[?(?:Unreleased|v?\d+\.\d+\.\d+)/) }
        #expect(!sections.isEmpty)
    }

    @Test("No file holds the path of one person's machine")
    func noMachinePaths() {
        let pattern = /(?:^|[^\w.\-}>])(\/(?:home|root|opt|work|Users)\/\w[\w.\/-]*)/
        for file in tree.readable() {
            for (index, line) in file.lines.enumerated() {
                for match in line.matches(of: pattern) {
                    Issue.record("\(file.path):\(index + 1): \(match.1) is a path of one machine")
                }
            }
        }
    }

    @Test("No file names a host that only one network knows")
    func noPrivateHosts() {
        let pattern = /https?:\/\/[\w.-]*(?:\.(?:internal|local|lan|corp)\b|mirror)[\w.-]*/
        for file in tree.readable() {
            for (index, line) in file.lines.enumerated() {
                for match in line.matches(of: pattern) {
                    Issue.record("\(file.path):\(index + 1): \(match.0) is no public host")
                }
            }
        }
    }

    /// The targets of the Makefile with what they say of themselves, files that are built left out.
    private func makeTargets() throws -> [String: String] {
        let makefile = try #require(tree.file("Makefile"))
        var targets: [String: String] = [:]
        for line in makefile.lines {
            guard let match = line.firstMatch(of: /^([a-z][a-z-]*):(?!=)[^#]*(?:## (.*))?$/) else { continue }
            targets[String(match.1)] = String(match.2 ?? "")
        }
        return targets
    }

    /// What a document tells its reader to make, in a code block or between backticks: "make sure" is no call.
    static func makeCalls(in document: SourceTree.File) -> Set<String> {
        var calls: Set<String> = []
        var isInBlock = false
        for line in document.lines {
            if line.hasPrefix("```") {
                isInBlock.toggle()
            } else if isInBlock {
                let command = line.drop { $0 == " " || $0 == "$" }
                if let match = command.firstMatch(of: /^(?:[A-Z_]+=\S+ )*make(?: [A-Z_]+=\S+)* ([a-z][a-z-]*)/) {
                    calls.insert(String(match.1))
                }
            } else {
                for match in line.matches(of: /`(?:[A-Z_]+=\S+ )*make(?: [A-Z_]+=\S+)* ([a-z][a-z-]*)/) {
                    calls.insert(String(match.1))
                }
            }
        }
        return calls
    }
}
