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

    @Test("No example and no page makes a store's folder by hand: the store makes it, for its owner only")
    func foldersOfStores() {
        let examples = tree.files(in: "Examples", endingIn: [".swift"])
        let pages = tree.readable().filter { $0.name.hasSuffix(".md") }
        #expect(examples.count > 5)
        for file in examples + pages {
            #expect(!file.text.contains("createDirectory(at"), "\(file.path) makes a folder that others may look into")
        }
    }

    @Test("The image says of itself how it is run as the guide does, and the guide names the libraries that the package asks for")
    func install() throws {
        let guide = try #require(tree.file("docs/guides/operating.md")).text
        let image = try #require(tree.file("Dockerfile"))
        let commands = image.lines.filter { $0.hasPrefix("#   docker ") }.map { $0.dropFirst(4) }
        #expect(commands.count == 2)
        for command in commands { #expect(guide.contains("\n\(command)\n"), "not in the guide: \(command)") }
        let script = try #require(tree.file("scripts/dist.sh")).text
        let line = try #require(script.firstMatch(of: /\nDepends: (.*)\n/))
        let needs = line.1.split(separator: ",")
        #expect(needs.count >= 4)
        for need in needs {
            let name = String(need.drop { $0 == " " }.prefix { $0 != " " })
            // What any system has.
            if name == "libc6" || name == "ca-certificates" { continue }
            #expect(guide.contains(name), "the guide does not name \(name)")
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
