import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Somebody else's phone: it talks straight to the API and knows nothing of this app.
struct OtherDevice {
    private struct Answer: Decodable { var data: Note }
    let upstream: String

    func put(_ note: Note) async throws { _ = try await send("PUT", note.id, try JSONEncoder().encode(note)) }

    func get(_ id: String) async throws -> Note {
        try JSONDecoder().decode(Answer.self, from: try await send("GET", id, nil)).data
    }

    private func send(_ method: String, _ id: String, _ body: Data?) async throws -> Data {
        guard let url = URL(string: "\(upstream)/api/v1/notes/\(id)") else { throw URLError(.badURL) }
        var request = URLRequest(url: url, timeoutInterval: 10)
        request.httpMethod = method
        request.httpBody = body
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        let (data, response) = try await URLSession.shared.data(for: request)
        guard (response as? HTTPURLResponse)?.statusCode == 200 else { throw URLError(.badServerResponse) }
        return data
    }
}
