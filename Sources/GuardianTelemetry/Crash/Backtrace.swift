import GuardianCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// What Swift's own backtracer wrote about a process that crashed, as frames.
///
/// It writes when `SWIFT_BACKTRACE=enable=yes,output-to=DIRECTORY/` is in the environment of the process; the text is read tolerantly,
/// for its form is made for people.
struct Backtrace: Sendable, Equatable {
    /// `Fatal error: Index out of range`, `Bad pointer dereference at 0x…`.
    var reason: String
    /// The oldest call first.
    var frames: [SentryEvent.Frame]

    /// Bytes of a report that are read.
    static let longest = 1 << 20
    static let mostFrames = 100

    /// The report on process `pid` in `directory`, removed once it is read; nil when there is none.
    static func take(of pid: Int32, in directory: String) -> Backtrace? {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: directory) } catch { return nil }
        for name in names.sorted() where name.hasSuffix(".log") {
            guard name.split(whereSeparator: { !$0.isNumber }).contains(Substring("\(pid)")) else { continue }
            let path = directory + "/" + name
            guard let data = FileManager.default.contents(atPath: path) else { continue }
            unlink(path)
            return Backtrace(report: String(decoding: data.prefix(longest), as: UTF8.self))
        }
        return nil
    }

    /// Reads a report; nil when it names no crash.
    init?(report: String) {
        let lines = report.split(whereSeparator: \.isNewline).map { String(Self.plain($0)) }
        guard let head = lines.first(where: { $0.contains("rash") || $0.contains("Fatal error") }) else { return nil }
        reason = head.split(separator: " ").filter { $0 != "***" }.joined(separator: " ")
        let start = lines.firstIndex { $0.hasPrefix("Thread ") && $0.contains("crashed") } ?? 0
        var frames: [SentryEvent.Frame] = []
        for line in lines[min(start + 1, lines.count)...] {
            let text = line.drop { $0 == " " }
            if text.hasPrefix("Thread ") || text.hasPrefix("Registers") || text.hasPrefix("Images") { break }
            if let frame = Self.frame(text) { frames.append(frame) }
            if frames.count == Self.mostFrames { break }
        }
        self.frames = frames.reversed()
    }

    /// `3 [ra] 0x00007f… function(args) + 12 in image at /path/File.swift:10:5`.
    private static func frame(_ line: Substring) -> SentryEvent.Frame? {
        var words = line.split(separator: " ")
        guard let number = words.first, Int(number) != nil else { return nil }
        words.removeFirst()
        while let mark = words.first, mark.hasPrefix("[") { words.removeFirst() }
        var frame = SentryEvent.Frame()
        if let address = words.first, address.hasPrefix("0x") {
            frame.address = String(address)
            words.removeFirst()
        }
        if let at = words.lastIndex(of: "at"), at + 1 < words.count {
            let parts = words[(at + 1)...].joined(separator: " ").split(separator: ":")
            frame.file = parts.first.map(String.init)
            frame.line = parts.count > 1 ? Int(parts[1]) : nil
            words.removeSubrange(at...)
        }
        if let image = words.lastIndex(of: "in"), image + 1 < words.count {
            frame.image = words[(image + 1)...].joined(separator: " ")
            words.removeSubrange(image...)
        }
        if let plus = words.lastIndex(of: "+") { words.removeSubrange(plus...) }
        frame.function = words.isEmpty ? nil : words.joined(separator: " ")
        return frame.function == nil && frame.address == nil ? nil : frame
    }

    /// Without the escape sequences of a terminal.
    private static func plain(_ line: Substring) -> Substring {
        guard line.contains("\u{1B}") else { return line }
        var out = ""
        var isInside = false
        for character in line {
            if character == "\u{1B}" { isInside = true } else if isInside { isInside = !character.isLetter } else { out.append(character) }
        }
        return Substring(out)
    }
}
