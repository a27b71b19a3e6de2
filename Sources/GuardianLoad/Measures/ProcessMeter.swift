import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What this process takes of the machine now.
public enum ProcessMeter {
    /// Bytes of memory that are resident; 0 when the system does not say.
    public static var residentBytes: Int64 {
        #if os(Linux)
            guard let text = read("/proc/self/statm") else { return 0 }
            let pages = text.split(separator: " ").dropFirst().first.flatMap { Int64($0) } ?? 0
            return pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
        #else
            var info = mach_task_basic_info()
            var count = mach_msg_type_number_t(MemoryLayout<mach_task_basic_info>.size / MemoryLayout<natural_t>.size)
            let result = withUnsafeMutablePointer(to: &info) { pointer in
                pointer.withMemoryRebound(to: integer_t.self, capacity: Int(count)) {
                    task_info(mach_task_self_, task_flavor_t(MACH_TASK_BASIC_INFO), $0, &count)
                }
            }
            return result == KERN_SUCCESS ? Int64(info.resident_size) : 0
        #endif
    }

    /// Files, sockets and pipes that are open; 0 when the system does not say.
    public static var openDescriptors: Int {
        #if os(Linux)
            let directory = "/proc/self/fd"
        #else
            let directory = "/dev/fd"
        #endif
        do { return try FileManager.default.contentsOfDirectory(atPath: directory).count - 1 } catch { return 0 }
    }

    /// A file of `/proc`, which says nothing of its size.
    private static func read(_ path: String) -> String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { do { try file.close() } catch {} }
        do { return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self) } catch { return nil }
    }
}
