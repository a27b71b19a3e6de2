import Foundation
import GuardianCore
import GuardianRuntime
import Testing

@Suite struct StoreWatchTests {
    private let directory = NSTemporaryDirectory() + "/guardian-watch-" + UUID().uuidString
    private var path: String { directory + "/guardian.sqlite" }
    private var aside: String { directory + "/aside" }
    private let files = FileManager.default

    private func withFiles(_ body: () throws -> Void) throws {
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { do { try files.removeItem(atPath: directory) } catch {} }
        for end in ["", "-wal", "-shm"] { try write(path + end) }
        try body()
    }

    private func write(_ path: String) throws { try Data("x".utf8).write(to: URL(fileURLWithPath: path)) }

    private func words(_ change: StoreWatch.Change?) -> String {
        if case .gone(.readOnly(let what)) = change { what } else { "" }
    }

    @Test("a store that is moved away and put back is told once each, and writing to it is no change")
    func moved() throws {
        try withFiles {
            var watch = StoreWatch(path: path)
            #expect(watch.look() == nil)
            let handle = try #require(FileHandle(forUpdatingAtPath: path))
            try handle.write(contentsOf: Data("more".utf8))
            try handle.close()
            #expect(watch.look() == nil)
            try files.moveItem(atPath: path, toPath: aside)
            let told = words(watch.look())
            #expect(told.contains("\(path) was moved or deleted") && told.contains("put it back"), "\(told)")
            #expect(watch.look() == nil)
            try files.moveItem(atPath: aside, toPath: path)
            #expect(watch.look() == .back)
            #expect(watch.look() == nil)
        }
    }

    @Test("a store that is moved away, and another that comes into its place later, are told once each")
    func movedThenReplaced() throws {
        try withFiles {
            var watch = StoreWatch(path: path)
            try files.moveItem(atPath: path, toPath: aside)
            #expect(words(watch.look()).contains("\(path) was moved or deleted"))
            try write(path)
            #expect(words(watch.look()).contains("another file was put in the place of \(path)"))
            #expect(watch.look() == nil)
            try files.removeItem(atPath: path)
            try files.moveItem(atPath: aside, toPath: path)
            #expect(watch.look() == .back)
        }
    }

    @Test("another store in its place is told, with what makes that one used; so is a log that is gone")
    func replaced() throws {
        try withFiles {
            var watch = StoreWatch(path: path)
            try files.moveItem(atPath: path, toPath: aside)
            try write(path)
            let told = words(watch.look())
            #expect(told.contains("another file was put in the place of \(path)") && told.contains("restart to use that one"), "\(told)")
            var second = StoreWatch(path: path)
            try files.removeItem(atPath: path + "-wal")
            #expect(words(second.look()).hasPrefix("\(path)-wal was moved, replaced or deleted"))
        }
    }
}
