import Foundation

/// How many files and connections this process may have open at once (`ulimit -n`).
enum OpenFileLimit {
    /// Raises the limit to `wanted`, or as near to it as the hard limit lets. Returns the one that is in force then; `wanted` where that
    /// can't be asked.
    static func raise(to wanted: Int) -> Int {
        #if canImport(Glibc)
            let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let files = RLIMIT_NOFILE
        #endif
        var limit = rlimit()
        guard getrlimit(files, &limit) == 0 else { return wanted }
        if Int(clamping: limit.rlim_cur) < wanted {
            var raised = limit
            raised.rlim_cur = min(rlim_t(wanted), limit.rlim_max)
            if setrlimit(files, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
