#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Memory holds what is sealed on disk: a crash of this process must not write it down.
package enum CoreDump {
    /// Forbids core files, for good. 1 byte and not 0: Linux hands a dump to a program (`core_pattern` with a pipe) whatever the limit is,
    /// except for that one (core(5)).
    package static func forbid() {
        var limit = rlimit(rlim_cur: 1, rlim_max: 1)
        #if canImport(Glibc)
            setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        #else
            setrlimit(RLIMIT_CORE, &limit)
        #endif
    }
}
