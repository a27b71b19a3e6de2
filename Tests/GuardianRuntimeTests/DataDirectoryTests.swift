import Foundation
import GuardianRuntime
import Testing

@Suite struct DataDirectoryTests {
    /// The names in the first column of the guide's table, in full.
    private func listed() throws -> [String] {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        let guide = try String(contentsOf: root.appendingPathComponent("docs/guides/operating.md"), encoding: .utf8)
        let section = try #require(guide.components(separatedBy: "\n## The data directory\n").last)
        let rows = section.split(separator: "\n").drop { !$0.hasPrefix("|---") }.dropFirst().prefix { $0.hasPrefix("|") }
        return rows.flatMap { row in
            let parts = String(row.split(separator: "|")[0]).components(separatedBy: "`")
            // Every other part stands between backticks.
            let names = parts.indices.filter { $0 % 2 == 1 }.map { parts[$0] }
            return names.map { $0.hasPrefix("-") || $0.hasPrefix(".") ? DataDirectory.store + $0 : $0 }
        }
    }

    @Test("what the guide lists as the files of a data directory is what no command writes over")
    func isListed() throws {
        let names = try listed()
        func ending(in mark: String) -> Set<String> { Set(names.filter { $0.hasSuffix(mark) }.map { String($0.dropLast()) }) }
        #expect(Set(names.filter { !$0.hasSuffix("/") && !$0.hasSuffix("…") }) == Set(DataDirectory.files))
        #expect(ending(in: "/") == Set(DataDirectory.folders))
        #expect(ending(in: "…") == Set(DataDirectory.beginnings))
    }

    @Test("older files, and copies that a repair works on, are its own; what a person may have put there is not")
    func owns() {
        let own = [
            "admin-audit.jsonl.1", "guardian.sqlite.salvage-new-wal", "guardian.sqlite.damaged-2026-01-31T09-05-00Z.json",
            "guardian.sqlite-processors", "logs",
        ]
        for name in own { #expect(DataDirectory.owns(name), "\(name)") }
        for name in ["ops.csv", "guardian.sqlite.1", "guardian.sqlite.copy", "alerts.json.bak", "logs.csv"] {
            #expect(!DataDirectory.owns(name), "\(name)")
        }
    }
}
