import Foundation
import GuardianCore
import Testing

extension Workplace {
    /// What `explain` says of an operation, which must be there.
    func explain(_ id: String) async throws -> JSONValue {
        let answer = try await run("explain", id, "--json")
        #expect(answer.status == 0, "\(answer.errors)")
        #expect(answer.json["id"]?.string == id, "\(answer.output)")
        #expect(answer.json["detail"]?.string?.isEmpty == false, "\(answer.output)")
        return answer.json
    }

    /// What `explain` says of the whole queue, without the sentence that comes with it.
    func explainQueue() async throws -> JSONValue {
        let answer = try await run("explain", "--json")
        #expect(answer.status == 0, "\(answer.errors)")
        #expect(answer.json["detail"]?.string?.isEmpty == false, "\(answer.output)")
        return .object((answer.json.members ?? []).filter { $0.name != "detail" })
    }

    /// Asks again until the reason is this one, and returns all that is told then.
    @discardableResult
    func wait(_ id: String, for reason: String) async throws -> JSONValue {
        var told = JSONValue.null
        try await Web.wait("\(id) to be \(reason)") {
            told = try await explain(id)
            return told["reason"]?.string == reason
        }
        #expect(told["reason"]?.string == reason, "\(told.text)")
        return told
    }

    /// Enqueues many, one JSON object each.
    func enqueue(_ lines: [String]) async throws {
        let file = path + "/operations.ndjson"
        try (lines.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        let answer = try await run("enqueue", "--from-file", file)
        #expect(answer.status == 0, "\(answer.errors)")
    }
}

/// The JSON of an update of a room; `more` is further members, with a comma in front.
func room(_ id: String, entity: String? = nil, _ more: String = "") -> String {
    #"{"id":"\#(id)","operation_type":"update","entity_type":"room","entity_id":"\#(entity ?? id)","payload":{"seq":1}\#(more)}"#
}
