import Foundation

/// Reads a small file that somebody else may replace at any time.
enum SecretFile {
    /// Bytes at most.
    static let limit = 64 << 10

    /// What the file holds: read twice until both are the same, so that one that is being written in place is not taken by half.
    static func bytes(_ path: String) throws(TokenError) -> [UInt8] {
        var last = try once(path)
        for _ in 0..<5 {
            let again = try once(path)
            if again == last { return last }
            last = again
        }
        throw TokenError(.unreadable, "\(path) changes while it is read")
    }

    /// The file's text without any space: keys that were wrapped or end in a newline.
    static func word(_ path: String) throws(TokenError) -> String {
        guard let text = String(validating: try bytes(path), as: UTF8.self) else { throw TokenError(.unreadable, "\(path) is no UTF-8") }
        let word = text.filter { !$0.isWhitespace && !$0.isNewline }
        guard !word.isEmpty else { throw TokenError(.unreadable, "\(path) is empty") }
        return word
    }

    /// Another number when the file has changed; 0 when it can't be read.
    static func stamp(_ path: String) -> Int {
        do throws(TokenError) { return try once(path).hashValue } catch { return 0 }
    }

    private static func once(_ path: String) throws(TokenError) -> [UInt8] {
        let data: Data
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            // Read to its end already: a close that fails loses nothing.
            defer { do { try file.close() } catch {} }
            data = try file.read(upToCount: limit + 1) ?? Data()
        } catch {
            throw TokenError(.unreadable, "\(path) can't be read")
        }
        guard data.count <= limit else { throw TokenError(.tooLarge, "\(path) has more than \(limit) bytes") }
        return Array(data)
    }
}
