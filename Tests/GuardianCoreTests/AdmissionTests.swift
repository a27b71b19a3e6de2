import GuardianCore
import Testing

@Suite struct AdmissionTests {
    private func field(_ json: String) -> String? {
        var random = Xoshiro256(seed: 3)
        do throws(SyncError) {
            _ = try Admission(limits: .init(payloadBytes: 1000)).admit(
                try NewOperation(jsonText: json), at: Timestamp(milliseconds: 0), random: &random)
            return nil
        } catch {
            if case .validation(let field, _) = error { return field }
            return "?"
        }
    }

    private static let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)

    @Test(
        "bad input names its field",
        arguments: [
            (#"{"operation_type":"update","entity_type":"room","entity_id":"1","payload":{}}"#, nil),
            (#"{"operation_type":"delete","entity_type":"room","entity_id":"1"}"#, nil),
            (#"{"operation_type":"update","entity_type":"room","entity_id":"1"}"#, "payload"),
            (#"{"operation_type":"update","entity_type":"room","entity_id":"1","payload":[]}"#, "payload"),
            (#"{"operation_type":"Update!","entity_type":"room","entity_id":"1","payload":{}}"#, "operation_type"),
            (#"{"operation_type":"update","entity_type":"","entity_id":"1","payload":{}}"#, "entity_type"),
            (#"{"operation_type":"update","entity_type":"room","entity_id":"a\u0000b","payload":{}}"#, "entity_id"),
            (#"{"operation_type":"update","entity_type":"room","entity_id":1,"payload":{}}"#, "entity_id"),
            (#"{"operation_type":"update","entity_type":"room","entity_id":"1","payload":{},"prioritty":3}"#, "prioritty"),
            (#"{"operation_type":"update","entity_type":"room","entity_id":"1","payload":{},"not_before":"tomorrow"}"#, "not_before"),
            (#"{"operation_type":"update","entity_type":"room","entity_id":"1","payload":{},"idempotency_key":"x"}"#, "idempotency_key"),
            (
                #"{"operation_type":"update","entity_type":"room","entity_id":"1","payload":{},"not_before":"0000-01-01T00:00:00+01:00"}"#,
                "not_before"
            ),
            (
                #"{"operation_type":"update","entity_type":"room","entity_id":"1","payload":{},"expires_at":"9999-12-31T23:59:59-01:00"}"#,
                "expires_at"
            ),
            (#"{"operation_type":"update","entity_type":"room","entity_id":"1","payload":{"x":"\ud83d\ude00"}}"#, nil),
            (#"{"operation_type":"update","entity_type":"room","entity_id":"1","payload":{"x":"\ud800"}}"#, "operation"),
            (#"{"operation_type":"update"#, "operation"), ("", "operation"), ("[]", "operation"),
        ] as [(String, String?)])
    func namesField(json: String, expected: String?) { #expect(field(json) == expected) }

    @Test("what an app hands in and no text or RFC 3339 can hold is refused with its field")
    func unwritable() throws {
        var random = Xoshiro256(seed: 3)
        let changes: [(String, (inout NewOperation) -> Void)] = [
            ("payload", { $0.payload = #"{"x":"\udc00"}"# }), ("base", { $0.base = #"{"\ud800\u0041":1}"# }),
            ("not_before", { $0.notBefore = Timestamp(milliseconds: .min) }),
            ("expires_at", { $0.expiresAt = Timestamp(milliseconds: .max) }),
        ]
        for (field, change) in changes {
            var operation = NewOperation("update", entityType: "room", entityID: "1", payload: "{}")
            change(&operation)
            do throws(SyncError) {
                _ = try Admission().admit(operation, at: Timestamp(milliseconds: 0), random: &random)
                Issue.record("\(field) was taken")
            } catch {
                guard case .validation(let named, _) = error else { throw error }
                #expect(named == field)
            }
        }
    }

    @Test("an operation that is written as JSON is read as it was")
    func readsBack() throws {
        let least = NewOperation("delete", entityType: "room", entityID: "1")
        let all = NewOperation(
            "update", entityType: "room", entityID: "1", payload: #"{"n":1.50}"#, id: "a", idempotencyKey: "k", traceID: "t",
            orderingKey: "o", base: #"{"n":1}"#, txnToken: "x", priority: -3, notBefore: Timestamp(milliseconds: 1_767_225_600_000),
            expiresAt: Timestamp(milliseconds: 1_767_225_600_001), principal: "anna", schemaVersion: 2)
        for operation in [least, all] { #expect(try NewOperation(json: operation.json) == operation) }
    }

    @Test("huge ids, huge payloads and ten thousand levels are refused, not crashed on")
    func refusesHuge() {
        func json(id: String = "1", payload: String = "{}") -> String {
            #"{"operation_type":"update","entity_type":"room","entity_id":"1","id":"\#(id)","payload":\#(payload)}"#
        }
        #expect(field(json(id: String(repeating: "x", count: 10_000))) == "id")
        #expect(field(json(payload: #"{"a":"\#(String(repeating: "x", count: 1000))"}"#)) == "payload")
        #expect(field(json(payload: #"{"a":\#(Self.deep)}"#)) == "operation")
    }

    @Test("the scanner and the parser agree on what is a JSON object, over seeded garbage")
    func agrees() {
        var random = Xoshiro256(seed: 11)
        let pieces = ["{", "}", "[", "]", ",", ":", "\"a\"", "1", "-0.5e3", "true", "null", " ", "\\", "\"\\u00e9\"", "01", "é"]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0..<9, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            var parsed = false
            if let value = try? JSONValue(parsing: text), case .object = value { parsed = true }
            let scanned = (try? JSONScanner.checkObject(text)) != nil
            #expect(scanned == parsed, "\(text)")
        }
    }

    @Test(
        "times survive their text, and leap days are days",
        arguments: ["1970-01-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z", "2026-11-24T09:05:00.250Z"])
    func times(text: String) { #expect(Timestamp(rfc3339: text)?.rfc3339 == text) }

    @Test(
        "what is no time is no time", arguments: ["2023-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T25:00:00Z", ""])
    func noTimes(text: String) { #expect(Timestamp(rfc3339: text) == nil) }
}
