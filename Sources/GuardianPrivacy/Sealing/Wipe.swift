#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Overwrites secrets, in a way that no optimizer leaves out.
package enum Wipe {
    /// Zeroes the one copy that `bytes` is, and empties it.
    package static func bytes(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { memory in
            guard let start = memory.baseAddress else { return }
            #if canImport(Darwin)
                _ = memset_s(start, memory.count, 0, memory.count)
            #else
                explicit_bzero(start, memory.count)
            #endif
        }
        bytes.removeAll()
    }

    /// Takes a variable out of this process's environment and zeroes where it stood, so that no child and no dump has it.
    package static func environment(_ name: String) {
        if let value = getenv(name) {
            let count = strlen(value)
            #if canImport(Darwin)
                _ = memset_s(value, count, 0, count)
            #else
                explicit_bzero(value, count)
            #endif
        }
        unsetenv(name)
    }
}
