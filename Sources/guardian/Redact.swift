import ArgumentParser
import Foundation
import GuardianPrivacy

struct Redact: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take personal data and secrets out of text or JSON: as many lines out as in.",
        discussion: """
            Examples:
              journalctl -u app | guardian redact > app.log
              guardian redact --json --name patient_id --pattern 'MRN-#{6,10}' < in.ndjson
            A pattern is a row of items: # a digit, @ a letter, * either, [A-F0-9] one of those, anything else itself; {3} or {3,5} behind \
            one says how often.
            """)
    @Flag(help: "Each line is one JSON value; one that is not is redacted as text.") var json = false
    @Option(help: "A further name whose values are secret; may be given more than once.") var name: [String] = []
    @Option(help: "A name that is not, though it looks so.") var exempt: [String] = []
    @Option(help: "A further shape to take out.") var pattern: [String] = []
    @Argument(help: "Files instead of standard input; - is standard input.") var files: [String] = []

    func run() async throws {
        let patterns: [RedactionPattern]
        do { patterns = try pattern.map { try RedactionPattern($0) } } catch {
            throw Failure(.usage, "--pattern: \(error)")
        }
        let redactor = Redactor(names: name, exempt: exempt, patterns: patterns)
        for file in files.isEmpty ? ["-"] : files {
            guard let input = file == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: file) else {
                throw Failure(.usage, "\(file) can't be read")
            }
            try redact(input, with: redactor)
        }
    }

    private func redact(_ input: FileHandle, with redactor: Redactor) throws {
        let output = try ExportFile("-")
        var lines = LineRedaction(redactor: redactor, isJSON: json)
        var (piece, out) = ([UInt8](repeating: 0, count: 1 << 18), [UInt8]())
        while true {
            let count = piece.withUnsafeMutableBytes { read(input.fileDescriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(.failed, "the input can't be read: \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            piece.withUnsafeBufferPointer { lines.take(UnsafeBufferPointer(rebasing: $0[..<count]), into: &out) }
            try output.write(out)
            out.removeAll(keepingCapacity: true)
        }
        lines.finish(into: &out)
        try output.write(out)
    }
}
