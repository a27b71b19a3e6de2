import Foundation

/// Where this process puts what is soon gone: where SQLite does, too.
enum TemporaryDirectory {
    /// The first of `SQLITE_TMPDIR`, `TMPDIR`, `/var/tmp` and `/tmp` that is there and can be written.
    static var path: String {
        let named = ["SQLITE_TMPDIR", "TMPDIR"].compactMap { Launch.environment[$0] }
        let places = named.filter { !$0.isEmpty } + ["/var/tmp", "/tmp"]
        return places.first { isDirectory($0) && access($0, W_OK | X_OK) == 0 } ?? "."
    }

    /// A name in it that nobody can know beforehand.
    static func newPath(_ word: String) -> String { "\(path)/guardian-\(word)-" + String(UInt64.random(in: 0...UInt64.max), radix: 36) }

    private static func isDirectory(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }
}
