import Testing

@Suite("Where things stand")
struct LayoutTests {
    /// The rooms of Core. Every file of it stands in one.
    static let coreRooms: Set<String> = [
        "Model", "Ports", "Engine", "Dispatch", "Delivery", "Lease", "Coalesce", "Reconcile", "Optimistic", "Realtime", "Events",
    ]

    static let mostLines = 500

    let tree = SourceTree.current

    @Test("Every file of Core stands in a room of its own kind")
    func coreHasRooms() {
        for file in tree.files(in: "Sources/GuardianCore", endingIn: [".swift"]) {
            let room = file.parts.count > 3 ? file.parts[2] : "no room"
            #expect(Self.coreRooms.contains(room), "\(file.path) stands in \(room)")
        }
    }

    /// A small target needs no rooms, so its files may stand at its top; a room that it does have is on the map.
    @Test("Every room is on the map")
    func roomsAreKnown() {
        let map = tree.file("ARCHITECTURE.md")?.text ?? ""
        for (target, files) in tree.targets() {
            let rooms = Set(files.filter { $0.parts.count > 3 }.map { $0.parts[2] })
            for room in rooms.sorted() {
                #expect(map.contains("\(room)/"), "Sources/\(target)/\(room)/ is not in ARCHITECTURE.md")
            }
        }
    }

    @Test("Rooms have no rooms inside")
    func roomsAreFlat() {
        for (_, files) in tree.targets() {
            for file in files {
                #expect(file.parts.count <= 4, "\(file.path) stands too deep")
            }
        }
    }

    @Test("Every target is on the map")
    func targetsAreKnown() throws {
        let map = try #require(tree.file("ARCHITECTURE.md")).text
        for target in tree.directories(in: "Sources") {
            #expect(map.contains("Sources/\(target)/"), "Sources/\(target)/ is not in ARCHITECTURE.md")
        }
    }

    @Test("The map shows nothing that is not there")
    func mapIsTrue() throws {
        let map = try #require(tree.file("ARCHITECTURE.md")).text
        for match in map.matches(of: /(?:Sources|Tests|Benchmarks|docs|scripts)(?:\/[\w.+-]*\w)+/) {
            #expect(tree.exists(String(match.0)), "ARCHITECTURE.md names \(match.0)")
        }
    }

    @Test("No source file is longer than 500 lines")
    func filesAreSmall() {
        for (_, files) in tree.targets() {
            for file in files {
                let lines = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
                #expect(lines <= Self.mostLines, "\(file.path) has \(lines) lines")
            }
        }
    }

    @Test("Every target has code in it")
    func noTargetIsEmpty() {
        // A system library is a module map and nothing else.
        for (target, files) in tree.targets() where target != "CLibPQ" {
            #expect(!files.isEmpty, "Sources/\(target) holds no Swift file")
            #expect(!files.contains { $0.name == "Placeholder.swift" }, "Sources/\(target) is a placeholder")
        }
    }

    @Test("No two files of one target share a name")
    func namesAreUnique() {
        for (target, files) in tree.targets() {
            for (name, same) in Dictionary(grouping: files, by: \.name) where same.count > 1 {
                Issue.record("Sources/\(target) has \(same.count) files named \(name)")
            }
        }
    }
}
