import Foundation

/// The working copy these tests were compiled from, read as text.
///
/// Only the folders that belong to the project are read, so a build directory or a stray file beside them changes nothing.
struct SourceTree {
    static let current = SourceTree()

    /// The repository's root: three levels above this file.
    let root: URL

    init(file: String = #filePath) {
        root = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    /// A text file of the project.
    struct File {
        /// Relative to the root, with `/` between its parts: `Sources/GuardianCore/Model/Operation.swift`.
        let path: String
        let text: String

        var name: String { parts.last ?? path }
        var parts: [String] { path.split(separator: "/").map(String.init) }
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    }

    /// The text of one file, or `nil` when there is none.
    func file(_ path: String) -> File? {
        guard let text = try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8) else { return nil }
        return File(path: path, text: text)
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }

    /// The directories right under a folder, sorted.
    func directories(in folder: String) -> [String] {
        let found = (try? FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path)) ?? []
        return found.filter { name in
            var isDirectory: ObjCBool = false
            let path = root.appendingPathComponent(folder).appendingPathComponent(name).path
            return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
        }.sorted()
    }

    /// All files under a folder that end in one of the suffixes, sorted by path. An absent folder has none.
    func files(in folder: String, endingIn suffixes: [String]) -> [File] {
        let base = root.appendingPathComponent(folder).path
        let found = FileManager.default.enumerator(atPath: base)?.compactMap { $0 as? String } ?? []
        return found.filter { path in
            let isHidden = path.split(separator: "/").contains { $0.hasPrefix(".") }
            return !isHidden && suffixes.contains { path.hasSuffix($0) }
        }
        .sorted()
        .compactMap { file(folder + "/" + $0) }
    }

    /// Every Swift file of the targets that ship, by target.
    func targets() -> [(name: String, files: [File])] {
        directories(in: "Sources").map { ($0, files(in: "Sources/\($0)", endingIn: [".swift"])) }
    }

    /// What a reader of the repository sees: sources, scripts, documents and settings.
    func readable() -> [File] {
        let suffixes = [".swift", ".c", ".h", ".md", ".sh", ".py", ".yml", ".yaml", ".json", ".toml", ".service", ".html", ".css", ".js"]
        let folders = ["Sources", "Tests", "Benchmarks", "Examples", "docs", "deploy", "scripts"]
        let top = [
            ".ci/run", ".editorconfig", ".gitignore", ".swift-format", "Makefile", "Package.swift", "README.md", "ARCHITECTURE.md",
            "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md",
        ]
        return folders.flatMap { files(in: $0, endingIn: suffixes) } + top.compactMap(file)
    }
}
