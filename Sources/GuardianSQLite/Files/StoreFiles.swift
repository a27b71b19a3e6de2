internal import GuardianCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The files that a store is made of: the database, its log and index beside it, and what says that it should be looked at.
///
/// A reserve of disk space (`…-reserve`) and the folder of processors (`…-processors`) belong to the place, not to the data: they stay where
/// they are when the database is set aside or replaced.
package struct StoreFiles: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    var log: String { path + "-wal" }
    var index: String { path + "-shm" }
    /// There when something in the file could not be read while it was in use: the next start looks at all of it.
    var suspicion: String { path + "-suspect" }

    /// There while a database is put in this one's place: how the old one is named from then on, without ``path``.
    var intention: String { path + "-replacing" }

    package var exists: Bool { Disk.size(of: path) ?? 0 > 0 }

    /// What is wrong with a database of 0 bytes that had more, as what stands beside it says; nil of any other. SQLite takes it for a new
    /// one, and deletes its log.
    ///
    /// One that is being made is empty for a moment too. Its first page is on disk before there is a log, or a processor: so what stands
    /// beside it is looked at first.
    package var emptied: String? {
        let hasLog = Disk.size(of: log) ?? 0 > 0
        let wasUsed = ["-processors", "-reserve"].contains { Disk.size(of: path + $0) != nil }
        guard hasLog || wasUsed, Disk.size(of: path) == 0 else { return nil }
        return hasLog ? "the file is empty, and its log is not" : "the file is empty, and a processor has worked on it"
    }

    /// Bytes of the database and of its log.
    package var bytes: (database: Int64, log: Int64) { (Disk.size(of: path) ?? 0, Disk.size(of: log) ?? 0) }

    /// Says that the store should be looked at whole before it is used again.
    package func suspect() {
        let file = open(suspicion, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        if file >= 0 { close(file) }
    }

    package var isSuspected: Bool { Disk.size(of: suspicion) != nil }

    func clearSuspicion() { unlink(suspicion) }

    /// Whether the disk can't read where the database begins. Not to be asked while this process has it open: closing a file gives up all locks
    /// on it (POSIX).
    var hasUnreadableHeader: Bool {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var header = [UInt8](repeating: 0, count: 100)
        return pread(file, &header, header.count, 0) < 0 && errno == EIO
    }

    /// Runs `body` while no other process can open the store. Throws ``StoreError/inUse(_:)`` when one has it open: which one, where the
    /// system says it.
    ///
    /// The lock is the one that SQLite takes for exclusive use. Inside, this process must not open the database through SQLite: closing it
    /// would give the lock up (POSIX).
    func whileAlone<Value>(_ body: (Int32) throws -> Value) throws -> Value {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw StoreError.readOnly("\(path): \(Disk.errorText())") }
        defer { close(file) }
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = 0x4000_0000
        lock.l_len = 512
        guard fcntl(file, F_SETLK, &lock) == 0 else {
            let refused = errno
            guard refused == EAGAIN || refused == EACCES else { throw StoreError.unavailable("\(path): \(Disk.errorText())") }
            let isTold = fcntl(file, F_GETLK, &lock) == 0
            let who = isTold && lock.l_pid > 0 ? "process \(lock.l_pid)" : "another process"
            throw StoreError.inUse("\(who) has \(path) open; stop it first")
        }
        return try body(file)
    }

    /// Puts the database `fresh` in the place of this one, which is kept under `aside` with its log; nothing is deleted, and at no moment is
    /// there no database. Call it in ``whileAlone(_:)``.
    ///
    /// Two files can't be replaced at one moment, and a database with another's log is damaged. So what is done is written down first, and
    /// when a crash cuts it short, ``finishReplacing()`` takes it back or ends it before the store is opened.
    func replace(with fresh: String, keepingAs aside: String) throws {
        endReplacing()
        try intend(aside)
        do {
            guard link(path, aside) == 0 else { throw StoreError.readOnly("\(aside): \(Disk.errorText())") }
            if Disk.size(of: log) != nil {
                guard link(log, aside + "-wal") == 0 else { throw StoreError.readOnly("\(aside)-wal: \(Disk.errorText())") }
            }
            Disk.syncDirectory(of: path)
            unlink(log)
            unlink(index)
            Disk.syncDirectory(of: path)
            guard rename(fresh, path) == 0 else { throw StoreError.readOnly("\(path): \(Disk.errorText())") }
        } catch {
            endReplacing()
            throw error
        }
        Disk.syncDirectory(of: path)
        clearSuspicion()
        unlink(intention)
    }

    /// Ends or takes back a ``replace(with:keepingAs:)`` that a crash has cut short. Call it before the store is opened. Throws
    /// ``StoreError/inUse(_:)`` while it goes on.
    func finishReplacing() throws {
        guard Disk.size(of: intention) != nil else { return }
        guard Disk.size(of: path) != nil else {
            unlink(intention)
            return
        }
        try whileAlone { _ in endReplacing() }
    }

    /// As ``finishReplacing()``, in ``whileAlone(_:)``.
    private func endReplacing() {
        guard Disk.size(of: intention) != nil else { return }
        defer {
            unlink(intention)
            Disk.syncDirectory(of: path)
        }
        guard let aside = intended, Disk.size(of: aside) != nil else { return }
        let oldLog = aside + "-wal"
        if Disk.isSame(path, aside) {
            // The old one stands there still, and has its log back. One that is no longer empty is of somebody who has written since.
            if Disk.size(of: oldLog) != nil, !Disk.isSame(log, oldLog), Disk.size(of: log) ?? 0 == 0 {
                unlink(index)
                rename(oldLog, log)
                Disk.syncDirectory(of: path)
            }
            if Disk.isSame(log, oldLog) { unlink(oldLog) }
            unlink(aside)
        } else if Disk.isSame(log, oldLog) {
            // The new one does, and must not take the old one's log for its own.
            unlink(log)
            unlink(index)
        }
    }

    private func intend(_ aside: String) throws {
        let file = open(intention, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw StoreError.readOnly("\(intention): \(Disk.errorText())") }
        defer { close(file) }
        let name = Array(aside.utf8.dropFirst(path.utf8.count))
        let written = name.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        guard written == name.count, fsync(file) == 0 else {
            let reason = Disk.errorText()
            unlink(intention)
            throw StoreError.unavailable("\(intention): \(reason)")
        }
        Disk.syncDirectory(of: path)
    }

    /// The path under which the old database is kept; nil when that was not written down before the crash, and so nothing was done.
    private var intended: String? {
        let file = open(intention, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = read(file, &bytes, bytes.count)
        guard count > 1, bytes[0] == UInt8(ascii: "."), !bytes[..<count].contains(UInt8(ascii: "/")) else { return nil }
        return path + String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// A name beside the store that is still free: `guardian.sqlite.damaged-2026-01-31T09-05-00Z`.
    func free(_ word: String, _ now: Timestamp) -> String {
        let stamp = now.rfc3339.prefix(19).map { $0 == ":" ? "-" : String($0) }.joined() + "Z"
        let wanted = "\(path).\(word)-\(stamp)"
        var name = wanted
        var number = 1
        while Disk.size(of: name) != nil {
            number += 1
            name = "\(wanted)-\(number)"
        }
        return name
    }
}

private func systemRename(_ path: String, _ target: String) -> Int32 { rename(path, target) }

@discardableResult
private func systemClose(_ file: Int32) -> Int32 { close(file) }

extension Disk {
    /// Writes what is in the cache for a file to the disk.
    static func sync(_ path: String) throws(StoreError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .readOnly("\(path): \(errorText())") }
        defer { systemClose(file) }
        guard fsync(file) == 0 else { throw .unavailable("\(path): \(errorText())") }
    }

    /// A rename is on disk when its directory is.
    static func syncDirectory(of path: String) {
        let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let file = open(directory.isEmpty ? "." : directory, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        fsync(file)
        systemClose(file)
    }

    /// An empty file of mode 0600; throws when there is something under that name.
    static func create(_ path: String) throws(StoreError) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .readOnly("\(path): \(errorText())") }
        systemClose(file)
    }

    /// Copies all of an open file to a new one of mode 0600. What the disk can't read is an error, or, with `passesOver`, zeroes in the copy:
    /// returns how many bytes that were.
    @discardableResult
    static func copy(_ source: Int32, to path: String, passesOver: Bool = false) throws(StoreError) -> Int64 {
        let target = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard target >= 0 else { throw .readOnly("\(path): \(errorText())") }
        defer { systemClose(target) }
        var offset: off_t = 0
        var unread: Int64 = 0
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { room.deallocate() }
        while true {
            var count = pread(source, room.baseAddress, room.count, offset)
            if count < 0, errno == EIO, passesOver {
                let pages = readPages(source, from: offset, into: room)
                count = pages.count
                unread += Int64(pages.unread)
            }
            guard count >= 0 else { throw .unavailable("reading to copy: \(errorText())") }
            if count == 0 { return unread }
            var written = 0
            while written < count {
                let step = write(target, room.baseAddress?.advanced(by: written), count - written)
                guard step > 0 else {
                    if errno == ENOSPC { throw .full(free: freeBytes(at: path), needed: nil) }
                    throw .unavailable("\(path): \(errorText())")
                }
                written += step
            }
            offset += off_t(count)
        }
    }

    /// Reads page by page what stands from `offset` on. A page that can't be read three times in a row is zeroes.
    private static func readPages(
        _ source: Int32, from offset: off_t, into room: UnsafeMutableRawBufferPointer
    ) -> (count: Int, unread: Int) {
        var info = stat()
        guard fstat(source, &info) == 0, let start = room.baseAddress else { return (-1, 0) }
        let end = min(room.count, Int(info.st_size - offset))
        var (at, unread) = (0, 0)
        while at < end {
            let length = min(4096, end - at)
            let place = start.advanced(by: at)
            let isRead = (1...3).contains { _ in pread(source, place, length, offset + off_t(at)) == length }
            if !isRead {
                memset(place, 0, length)
                unread += length
            }
            at += length
        }
        return (end, unread)
    }

    static func remove(_ path: String) { unlink(path) }

    /// Removes a database and all that SQLite may have left beside it. What is left of one that was written when its process died would be
    /// played into the next of that name.
    static func removeDatabase(_ path: String) { for file in databaseFiles(path) { unlink(file) } }

    static func databaseFiles(_ path: String) -> [String] { ["", "-journal", "-wal", "-shm"].map { path + $0 } }

    /// Whether what stands under that name is a directory, and no link to one; nil when nothing does.
    static func holdsDirectory(_ path: String) -> Bool? {
        var info = stat()
        guard lstat(path, &info) == 0 else { return nil }
        return info.st_mode & S_IFMT == S_IFDIR
    }

    /// What keeps a file from being a database, whatever is in it; nil when nothing does, or it can't be asked.
    static func unfitness(of path: String) -> String? {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        switch info.st_mode & S_IFMT {
        case S_IFREG: return info.st_size > 0 ? nil : "it is empty"
        case S_IFDIR: return "it is a directory"
        default: return "it is no regular file"
        }
    }

    /// An empty directory of mode 0700; throws when there is something under that name.
    static func createDirectory(_ path: String) throws(StoreError) {
        guard mkdir(path, 0o700) != 0 else { return }
        throw .readOnly(errno == EEXIST ? "\(path) is in the way; remove it" : "\(path): \(errorText())")
    }

    /// Removes an empty directory, if it is there.
    static func removeDirectory(_ path: String) { rmdir(path) }

    static func rename(_ path: String, to target: String) -> Bool { systemRename(path, target) == 0 }

    static func openToRead(_ path: String) throws(StoreError) -> Int32 {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .readOnly("\(path): \(errorText())") }
        return file
    }

    static func close(_ file: Int32) { systemClose(file) }
}
