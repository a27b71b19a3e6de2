import Foundation

/// A disk that fails on command: `scripts/torture/faults.c`, preloaded into a process. Only on Linux.
struct FaultyDisk {
    struct NotBuilt: Error { var reason: String }

    private let library: String
    private let control: String

    /// What a process needs in its environment to have this disk.
    var environment: [String: String] { ["LD_PRELOAD": library, "FAULTS_CONTROL": control] }

    /// Compiles it into the data directory.
    init(in workplace: Workplace) async throws {
        library = workplace.path + "/faults.so"
        control = workplace.path + "/faults"
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("scripts/torture/faults.c").path
        let answer = try await Shell.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"])
        guard answer.status == 0 else { throw NotBuilt(reason: answer.errors) }
        try command("-", inode: 0, page: 0)
    }

    /// From now on, this page of 4096 bytes of the file that is at `path` now can't be read, under whatever name the file is kept.
    func lose(page: UInt64, of path: String) throws {
        guard let inode = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? NSNumber else {
            throw NotBuilt(reason: "\(path) has no number")
        }
        try command("b", inode: inode.uint64Value, page: page)
    }

    /// From now on all can be read, also by processes that run: they have the file mapped, so it is written in place.
    func heal() throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: control))
        try file.write(contentsOf: Data("-".utf8))
        try file.close()
    }

    /// Writes the `struct control` of the library, for the processes that start now.
    private func command(_ kind: String, inode: UInt64, page: UInt64) throws {
        var bytes = Data(kind.utf8)
        bytes.append(1)
        bytes.append(Data(count: 6))
        for number: UInt64 in [inode, page, 0] {
            withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
        }
        try bytes.write(to: URL(fileURLWithPath: control))
    }
}
