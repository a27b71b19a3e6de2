import GuardianBackend
import GuardianCore
import GuardianHTTP
import GuardianSQLite
import Testing

/// What an upstream says of a refusal, from its answer to the app.
@Suite struct TypedErrorTests {
    @Test("what a real answer says of a wrong field reaches the app, and is there after a restart")
    func field() async throws {
        try await withUpstream { upstream, url in
            let said = #"{"code":"INVALID","message":"no","details":{"errors":[{"field":"payload.name","message":"at most 40"}]}}"#
            let body = #"{"meta":{},"error":\#(said)}"#
            upstream.setMode(.status(422, remaining: 1, retryAfter: nil, body: body, contentType: "application/json"))
            let device = try Device(url: url)
            let receipt = try await device.engine.enqueue(
                NewOperation("update", entityType: "room", entityID: "r1", payload: #"{"name":"Galley"}"#))
            try await device.deliver { _ = try await device.engine.outcome(of: receipt.id) }
            await device.transport.shutdown()
            try device.store.close()

            let again = try Device(url: url, path: device.path)
            let error = try await again.engine.deliveryError(of: receipt.id)
            #expect(error?.kind == .validation(field: "name", constraint: "at most 40"))
            #expect(error?.code == "INVALID" && error?.message == "no" && error?.httpStatus == 422)
            await again.close()
        }
    }
}
