import AsyncHTTPClient
import Foundation
import GuardianCore
import GuardianServer
import NIOCore
import NIOHTTP1
import Testing

/// Seeded requests that nobody would write: `GUARDIAN_FUZZ_INPUTS` says how many, `GUARDIAN_SEED` which.
@Suite struct APIFuzzTests {
    static let pieces: [String] = [
        "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u0000", "\\ud800", "null", "true", "1e999", "-0", "9007199254740993", "\n", "\r", "\0",
        " ", "é", "用",
        "\"operation_type\":\"update\"", "\"entity_type\":\"room\"", "\"entity_id\":\"r1\"", "\"payload\":{}", "\"id\":\"x\"",
        "\"priority\":1", "\"base\":{",
        "\"not_before\":\"2026-01-31T09:00:00Z\"", "\"payload\":{\"password\":\"cnry-Pw-1\"}", "\"cnry.person@example.com\"",
        "\"sk_live_cnry4eC39HqLyjWDarjtT1\"", "password", operation("r1"), operation("r2") + "\n",
    ]
    /// Parts of what is secret among them.
    static let canaries = ["cnry-Pw", "cnry.person", "sk_live_cnry"]

    private static func text(_ random: inout Xoshiro256) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<(random.next() % 16) {
            if random.next() % 10 == 0 {
                bytes.append(UInt8(truncatingIfNeeded: random.next()))
            } else {
                bytes.append(contentsOf: pieces[Int(random.next() % UInt64(pieces.count))].utf8)
            }
        }
        return bytes
    }

    @Test("whatever is posted or asked for gets an answer that says what is wrong, and no secret, and the API goes on")
    func anything() async throws {
        let inputs = (ProcessInfo.processInfo.environment["GUARDIAN_FUZZ_INPUTS"].flatMap { Int($0) } ?? 3000) / 20
        let seed = ProcessInfo.processInfo.environment["GUARDIAN_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000_000)
        print("GUARDIAN_SEED=\(seed)")
        try await Sidecar.run { sidecar in
            var random = Xoshiro256(seed: seed)
            for _ in 0..<inputs {
                let body = Self.text(&random)
                let type = random.next() % 3 == 0 ? "application/x-ndjson" : "application/json"
                let answer = try await sidecar.post(.bytes(ByteBuffer(bytes: body)), type: type)
                #expect([202, 400, 413, 415, 422].contains(answer.status), "\(body): \(answer.status) \(answer.body)")
                for canary in Self.canaries { #expect(!answer.body.contains(canary), "\(body): \(answer.body)") }
                if answer.status != 202 { #expect(answer.headers["content-type"] == ["application/problem+json"], "\(answer.body)") }
                guard random.next() % 4 == 0 else { continue }
                let path = Self.text(&random).map { byte -> String in
                    byte > 0x20 && byte < 0x7F && byte != 0x23
                        ? String(Unicode.Scalar(byte)) : (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
                }
                .joined().replacing("\"", with: "%22").replacing("\\", with: "%5C").replacing("{", with: "%7B").replacing("}", with: "%7D")
                .replacing("[", with: "%5B").replacing("]", with: "%5D")
                let known = ["/v1/operations/", "/v1/operations?status=", "/v1/operations?cursor=", "/v1/operations?since=", "/"][
                    Int(random.next() % 5)]
                let looked = try await sidecar.get(known + path)
                #expect((200..<500).contains(looked.status), "\(known + path): \(looked.status) \(looked.body)")
                // What was written is given back whole to who may read it; what is refused is not said again.
                guard looked.status >= 400 else { continue }
                for canary in Self.canaries { #expect(!looked.body.contains(canary), "\(known + path): \(looked.body)") }
            }
            #expect(try await sidecar.get("/healthz").status == 200)
        }
    }

    @Test("bytes that are no HTTP are refused, and the API goes on")
    func noHTTP() async throws {
        try await Sidecar.run { sidecar in
            var random = Xoshiro256(seed: 11)
            for _ in 0..<200 {
                let bytes = (0..<(1 + random.next() % 200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                try await sidecar.raw(bytes, hangsUp: true)
                try await sidecar.raw(
                    Array("POST /v1/operations HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(random.next() % 3)\r\n\r\n".utf8) + bytes,
                    hangsUp: true)
            }
            #expect(try await sidecar.get("/healthz").status == 200)
        }
    }
}
