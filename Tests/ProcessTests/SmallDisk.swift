import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// A disk of a few megabytes in memory, mounted on a directory. Needs root.
struct SmallDisk {
    struct NotMounted: Error { var reason: String }

    let path: String
    private let size: Int

    /// Whether this user may mount.
    static let isPossible: Bool = {
        do {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try SmallDisk(on: workplace.path, megabytes: 1).remove()
            return true
        } catch {
            return false
        }
    }()

    init(on path: String, megabytes: Int) throws {
        self.path = path
        size = megabytes << 20
        try mount(0)
    }

    func setReadOnly(_ isReadOnly: Bool) throws {
        #if os(Linux)
            try mount(UInt(MS_REMOUNT) | (isReadOnly ? UInt(MS_RDONLY) : 0))
        #endif
    }

    /// Takes it away, also from under those who still use it.
    func remove() {
        #if os(Linux)
            umount2(path, Int32(MNT_DETACH))
        #endif
    }

    private func mount(_ flags: UInt) throws {
        #if os(Linux)
            guard Glibc.mount("tmpfs", path, "tmpfs", flags, "size=\(size),mode=0700") == 0 else {
                throw NotMounted(reason: String(cString: strerror(errno)))
            }
        #else
            throw NotMounted(reason: "only on Linux")
        #endif
    }
}
