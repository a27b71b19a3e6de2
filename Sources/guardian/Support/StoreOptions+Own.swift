import Foundation
import GuardianRuntime

extension StoreOptions {
    /// Refuses `path` as a file to write when it is empty, or leads to what this program keeps in its data directory, however it is spelt,
    /// there yet or not. `flag` is named in the error.
    func checkNotOwn(_ path: String, flag: String) throws {
        guard !path.isEmpty else { throw Failure(.usage, "\(flag): is empty; give the path of a file") }
        guard let name = Self.owned(path, in: try settings().text("data_dir")) else { return }
        let what =
            switch name {
            case DataDirectory.store: "is the store itself"
            case let name where name.hasPrefix(DataDirectory.store): "belongs to the store"
            default: "is where guardian keeps its own \(name)"
            }
        throw Failure(.refused, "\(flag): \(path) \(what); name another file")
    }

    /// What `path` is, or stands in, of what is kept in `directory`; nil for none of it.
    private static func owned(_ path: String, in directory: String) -> String? {
        let target = ExportFile.destination(of: path)
        if let file = Inode(target), let name = DataDirectory.files.first(where: { Inode(directory + "/" + $0) == file }) { return name }
        guard let home = Inode(directory) else { return nil }
        // It, the folder that it is in, and so on: by its name in the data directory, and a folder also by what it is.
        let parts = (target.hasPrefix("/") ? target : FileManager.default.currentDirectoryPath + "/" + target).split(separator: "/")
        for count in parts.indices.reversed() {
            // What is left again is no folder that it is in.
            if parts[(count + 1)...].contains("..") { break }
            let (above, name) = ("/" + parts[..<count].joined(separator: "/"), String(parts[count]))
            let isOwn = count == parts.count - 1 ? DataDirectory.owns(name) : DataDirectory.folders.contains(name)
            if isOwn, Inode(above) == home { return name }
            guard let here = Inode(above + "/" + name) else { continue }
            if let folder = DataDirectory.folders.first(where: { Inode(directory + "/" + $0) == here }) { return folder }
        }
        return nil
    }
}

/// What a path leads to, whatever it is called.
private struct Inode: Equatable {
    let device: UInt64
    let number: UInt64

    /// nil when nothing is there.
    init?(_ path: String) {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        device = UInt64(truncatingIfNeeded: info.st_dev)
        number = UInt64(truncatingIfNeeded: info.st_ino)
    }
}
