import Foundation
import Testing

@Suite("Guides")
struct GuideTests {
    let tree = SourceTree.current

    @Test("The first app's page is its program, word for word")
    func firstApp() throws {
        let page = try #require(tree.file("docs/guides/first-app.md")).text
        let program = try #require(tree.file("Examples/FirstApp/FirstApp.swift")).text
        let parts = program.components(separatedBy: "        // end\n").dropLast()
        #expect(parts.count == 5)
        for part in parts {
            // From the line behind the part's name to its end, without the program's indentation.
            let lines = part.components(separatedBy: "\n")
            let start = try #require(lines.lastIndex { $0.hasPrefix("        // ") })
            let block = lines[(start + 1)...].map { $0.hasPrefix("        ") ? String($0.dropFirst(8)) : $0 }.joined(separator: "\n")
            #expect(page.contains("```swift\n\(block)```"), "not on the page: \(block)")
        }
    }

    @Test("Every relative link of a document leads to a file")
    func links() {
        let pages = tree.readable().filter { $0.name.hasSuffix(".md") }
        #expect(pages.count > 10)
        for page in pages {
            let folder = (page.path as NSString).deletingLastPathComponent
            for match in page.text.matches(of: /\]\(([^)\s#]+)(?:#[^)]*)?\)/) {
                let target = String(match.1)
                guard !target.contains("://"), !target.hasPrefix("mailto:"), !target.hasPrefix("doc:") else { continue }
                let path = (folder as NSString).appendingPathComponent(target)
                #expect(tree.exists(path), "\(page.path) points to \(target), which is not there")
            }
        }
    }
}
