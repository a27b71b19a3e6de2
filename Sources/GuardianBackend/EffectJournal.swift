import Foundation

/// Keeps effects and the answers to their keys in `effects.ndjson`, one line each, written before the answer is sent.
struct EffectJournal {
    private let file: FileHandle

    init(directory: String) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let path = directory + "/effects.ndjson"
        if !FileManager.default.fileExists(atPath: path) { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    }

    /// Reads back what was kept; a line cut short by a crash ends it.
    func load(into state: inout UpstreamState) throws {
        let data = try file.readToEnd() ?? Data()
        for line in data.split(separator: UInt8(ascii: "\n")) {
            guard let json = try JSONSerialization.jsonObject(with: line) as? [String: Any], let key = json["idempotency_key"] as? String,
                let n = json["n"] as? Int, let method = json["method"] as? String, let path = json["path"] as? String,
                let entity = json["entity"] as? String
            else { break }
            let effect = Effect(
                n: n, idempotencyKey: key, method: method, path: path, entity: entity, traceID: json["trace_id"] as? String ?? "",
                payloadSeq: json["payload_seq"] as? Int, at: json["at"] as? String ?? "")
            let answer = UpstreamState.StoredAnswer(
                status: json["status"] as? Int ?? 200, body: json["answer"] as? String ?? "{}", etag: json["etag"] as? String,
                bodyHash: json["body_hash"] as? Int ?? 0, at: .now)
            state.restore(effect, answer: answer, body: json["content"] as? String ?? "{}")
        }
    }

    func append(_ effect: Effect, answer: UpstreamState.StoredAnswer, body: String) throws {
        var json = effect.json
        json["status"] = answer.status
        json["answer"] = answer.body
        json["body_hash"] = answer.bodyHash
        json["content"] = body
        if let etag = answer.etag { json["etag"] = etag }
        try file.write(contentsOf: JSONSerialization.data(withJSONObject: json) + [UInt8(ascii: "\n")])
    }
}

extension Effect {
    /// The names of spec section 12, and two more for tests.
    var json: [String: Any] {
        var json: [String: Any] = [
            "n": n, "idempotency_key": idempotencyKey, "method": method, "path": path, "entity": entity, "at": at, "trace_id": traceID,
        ]
        if let payloadSeq { json["payload_seq"] = payloadSeq }
        return json
    }
}
