import Foundation

/// Keeps effects and the answers to their keys in `effects.ndjson`, one line each, written before the answer is sent. `at` is when the
/// answer was made, so a restart forgets a key when its window is over. `{"forgot_at":…}` stands where all keys were forgotten.
struct EffectJournal {
    /// A whole line that says nothing we know.
    struct Damaged: Error, CustomStringConvertible {
        var path: String
        var line: Int
        var description: String { "\(path) line \(line): is no effect; move the file away to begin anew" }
    }

    private let path: String
    private let file: FileHandle

    init(directory: String) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        path = directory + "/effects.ndjson"
        if !FileManager.default.fileExists(atPath: path) { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    }

    /// Reads back what was kept. A last line cut short by a crash was never answered, and is cut off.
    func load(into state: inout UpstreamState) throws {
        let data = try file.readToEnd() ?? Data()
        let end = data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        for (index, line) in data[..<end].split(separator: UInt8(ascii: "\n")).enumerated() {
            guard restore(line, into: &state) else { throw Damaged(path: path, line: index + 1) }
        }
        if end < data.count { try file.truncate(atOffset: UInt64(end)) }
    }

    private func restore(_ line: Data, into state: inout UpstreamState) -> Bool {
        let json: [String: Any]
        do { json = try JSONSerialization.jsonObject(with: line) as? [String: Any] ?? [:] } catch { return false }
        if json["forgot_at"] != nil {
            state.forget()
            return true
        }
        guard let effect = Effect(json), let at = Date(rfc3339: effect.at) else { return false }
        let answer = UpstreamState.StoredAnswer(
            status: json["status"] as? Int ?? 200, data: json["content"] as? String ?? "{}", etag: json["etag"] as? String,
            bodyHash: json["body_hash"] as? Int ?? 0, at: at)
        state.record(effect, answer)
        return true
    }

    func append(_ effect: Effect, _ answer: UpstreamState.StoredAnswer) throws {
        var json = effect.json
        json["status"] = answer.status
        json["content"] = answer.data
        json["body_hash"] = answer.bodyHash
        if let etag = answer.etag { json["etag"] = etag }
        try append(json)
    }

    func appendForgetting(at now: Date) throws { try append(["forgot_at": now.rfc3339]) }

    private func append(_ json: [String: Any]) throws {
        try file.write(contentsOf: JSONSerialization.data(withJSONObject: json) + [UInt8(ascii: "\n")])
    }
}
