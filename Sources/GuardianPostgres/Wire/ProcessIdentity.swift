#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A process on a machine, so that another one on the same machine knows for certain when it is dead.
///
/// The machine counts as the same when it is the same boot and the same namespace of processes: a container is a machine of its own.
struct ProcessIdentity: Equatable {
    var host: String
    var process: Int64
    /// When it was started, in ticks since the boot: numbers of processes are given again.
    var started: Int64

    static let own = ProcessIdentity(host: ownHost, process: Int64(getpid()), started: start(of: Int64(getpid())) ?? 0)

    private static let ownHost: String = {
        let boot = Disk.text(of: "/proc/sys/kernel/random/boot_id")?.filter { $0.isHexDigit || $0 == "-" } ?? ""
        let space = Disk.link(at: "/proc/self/ns/pid") ?? ""
        return boot.isEmpty || space.isEmpty ? "" : boot + " " + space
    }()

    /// False when it is alive, or nothing is known.
    var isDead: Bool {
        guard !host.isEmpty, host == Self.own.host else { return false }
        guard let found = Self.start(of: process) else { return kill(pid_t(clamping: process), 0) != 0 && errno == ESRCH }
        return found != started
    }

    private static func start(of process: Int64) -> Int64? {
        guard let stat = Disk.text(of: "/proc/\(process)/stat"), let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19 else { return nil }
        // A zombie is dead: only its parent has not looked yet.
        return fields[0] == "Z" ? -1 : Int64(fields[19])
    }
}
