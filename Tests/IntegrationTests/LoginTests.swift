import Foundation
import GuardianBackend
import GuardianCore
import GuardianHTTP
import GuardianSQLite
import GuardianTesting
import Testing

/// Logins that expire under way, at a real token endpoint.
@Suite(.serialized) struct LoginTests {
    static let expiries = 5
    static let operations = 100

    @Test("exactly one refresh call per expiry with 8 workers: five expiries amid 600 operations, nothing failed", .timeLimit(.minutes(2)))
    func onePerExpiry() async throws {
        try await withUpstream(.init(latency: .milliseconds(3))) { upstream, url in
            upstream.setMode(.auth)
            let tokens = try OAuth2Tokens(
                OAuth2Configuration(tokenURL: url + "/oauth/token", clientID: "gateway", clientSecret: .value(Secret("gateway-secret"))))
            let device = try Device(url: url, tokens: tokens) { $0.processor.workers = 8 }
            try await device.deliver {
                for expiry in 0...Self.expiries {
                    let burst = Self.burst(expiry)
                    let half = Self.operations / 2
                    try await device.engine.enqueue(Array(burst[..<half]))
                    if expiry > 0 {
                        // In the middle of a burst, so that many requests meet it at once; if all of this half had arrived, the other does.
                        _ = await device.sink.wait(for: expiry * Self.operations + half / 2) {
                            if case .processed = $0 { true } else { false }
                        }
                        upstream.revokeTokens()
                    }
                    try await device.engine.enqueue(Array(burst[half...]))
                    try await device.expectSettled(within: 30)
                    #expect(upstream.tokenRequests == expiry + 1, "after \(expiry) expiries")
                }
            }
            let books = try await device.store.books()
            let refused = upstream.requests().count { $0.status == 401 }
            print(
                "measured: \(Self.expiries) expiries, 8 workers: \(upstream.tokenRequests - 1) refresh calls, \(refused) requests refused, "
                    + "processed \(books.processed), failed \(books.failed)")
            #expect(upstream.tokenRequests == Self.expiries + 1)
            #expect(refused > Self.expiries, "no two requests met an expiry together")
            #expect(books.failed == 0 && books.processed == Int64((Self.expiries + 1) * Self.operations))
            #expect(upstream.duplicateEffects == 0)
            await device.close()
        }
    }

    private static func burst(_ number: Int) -> [NewOperation] {
        (0..<operations).map {
            NewOperation("update", entityType: "room", entityID: "r\(number)-\($0)", payload: #"{"seq":\#($0)}"#)
        }
    }
}
