import Foundation
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Talks to the processes under test.
enum Web {
    static func post(_ url: String, _ body: String) async throws -> Int {
        var request = URLRequest(url: try #require(URL(string: url)))
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = Data(body.utf8)
        let (_, response) = try await URLSession.shared.data(for: request)
        return (response as? HTTPURLResponse)?.statusCode ?? 0
    }

    static func get(_ url: String) async throws -> [String: Any] {
        let (data, _) = try await URLSession.shared.data(from: try #require(URL(string: url)))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    static func processed(_ url: String) async throws -> Int {
        (try await get(url + "/v1/status")["books"] as? [String: Any])?["processed"] as? Int ?? 0
    }

    struct Effect {
        var key: String
        var entity: String
        var seq: Int
    }

    static func effects(_ url: String) async throws -> [Effect] {
        let list = try await get(url + "/_effects")["effects"] as? [[String: Any]] ?? []
        return list.map {
            Effect(key: $0["idempotency_key"] as? String ?? "", entity: $0["entity"] as? String ?? "", seq: $0["payload_seq"] as? Int ?? 0)
        }
    }

    /// Asks again until it is so; at most a minute.
    static func wait(_ what: String, until isSo: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await !isSo() {
            guard ContinuousClock.now < end else {
                Issue.record("waited a minute for \(what)")
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
