internal import GuardianCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A file of nothing that holds room on the volume, and gives it back in pieces when there is none left.
///
/// In pieces, because whoever fills the volume takes what is given too. All processes of a store share it.
struct Reserve: Sendable {
    let path: String

    init(storePath: String) { path = storePath + "-reserve" }

    /// Bytes it holds now.
    var held: Int64 { Disk.size(of: path) ?? 0 }

    /// Gives a piece back: a quarter of `whole`, 256 KiB at least. False when there is nothing left to give.
    func release(of whole: Int64) -> Bool {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        guard flock(file, LOCK_EX) == 0 else { return false }
        var info = stat()
        guard fstat(file, &info) == 0, info.st_size > 0 else { return false }
        let left = max(0, Int64(info.st_size) - max(whole / 4, 256 << 10))
        return ftruncate(file, off_t(left)) == 0
    }

    /// Takes `bytes` in all, in real blocks. What can't be had is left; a reserve is no reason to fail.
    func fill(to bytes: Int64) {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else { return }
        var info = stat()
        guard fstat(file, &info) == 0, Int64(info.st_size) < bytes else { return }
        #if canImport(Darwin)
            var store = fstore_t(
                fst_flags: UInt32(F_ALLOCATEALL), fst_posmode: F_PEOFPOSMODE, fst_offset: 0, fst_length: off_t(bytes) - info.st_size,
                fst_bytesalloc: 0)
            let isTaken = fcntl(file, F_PREALLOCATE, &store) != -1 && ftruncate(file, off_t(bytes)) == 0
        #else
            let isTaken = posix_fallocate(file, 0, off_t(bytes)) == 0
        #endif
        // Part of it may be there: as little as before is better than a volume that is full because of it.
        if !isTaken { ftruncate(file, info.st_size) }
    }
}
