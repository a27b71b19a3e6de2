import AsyncHTTPClient
import GuardianCore
import NIOCore
import NIOHTTP1

extension HTTPTransport {
    /// Sends an operation together with others that begin now. What is wrong with the whole request counts once.
    func sendGathered(_ operation: Operation, _ draft: Draft, _ endpoint: BatchEndpoint, token: String?) async -> Outcome {
        let member = BatchGatherer.Member(operation: operation, draft: draft)
        let word: BatchGatherer.Word
        switch gatherer.join(.init(endpoint: endpoint, token: token), member) {
        case .alone: word = .alone
        case .follower(let number, let place): word = await gatherer.word(number, place: place)
        case .leader(let number):
            let members = await gatherer.gather(number)
            let words = members.count > 1 ? await deliver(members, to: endpoint, token: token) : [.alone]
            gatherer.tell(number, words)
            word = words.first ?? .alone
        }
        guard case .outcome(let outcome) = word else { return await sendAlone(operation, draft, token: token) }
        return outcome
    }

    private func deliver(_ members: [BatchGatherer.Member], to endpoint: BatchEndpoint, token: String?) async -> [BatchGatherer.Word] {
        let outcome: Outcome
        do {
            let request = batchRequest(members[0].operation, endpoint, token: token)
            let (response, url, _) = try await submit(request, batchBody(members), at: endpoint.path)
            let status = Int(response.status.code)
            let limit = configuration.responseBodyLimit + members.count * 4096
            let body = try await response.body.collect(upTo: limit)
            if (200..<300).contains(status), let results = Self.results(body) { return read(results, members) }
            // These say that the batch, not what is in it, is not taken.
            if [400, 404, 405, 413, 415, 422, 501].contains(status) {
                if [404, 405, 501].contains(status) { gatherer.isMissing(endpoint) }
                return members.map { _ in .alone }
            }
            let first = members[0]
            let read = reader.outcome(
                status: status, headers: response.headers, body: body, operation: first.operation, route: first.draft.route, url: url)
            if case .accepted = read { outcome = Self.noResult(status) } else { outcome = read }
        } catch is NIOTooManyBytesError {
            outcome = .refused(.transient, Answer(status: 200, code: "ANSWER_TOO_LARGE", message: "the answer to a batch is too large"))
        } catch {
            outcome = NetworkErrors.outcome(of: error)
        }
        // The leader's own end says nothing of the others: what was on the wire may have been done.
        let told = outcome == .interrupted ? Outcome.unanswered(.timeout, detail: "the request that carried it was given up") : outcome
        return members.indices.map { .outcome($0 == 0 ? outcome : .shared(told)) }
    }

    private static func noResult(_ status: Int) -> Outcome {
        .refused(.transient, Answer(status: status, code: "NO_RESULT", message: "the answer to the batch has no result for this operation"))
    }

    /// Without its body. It goes under the trace of `first`.
    private func batchRequest(_ first: Operation, _ endpoint: BatchEndpoint, token: String?) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: origin.text + endpoint.path)
        request.method = .POST
        request.headers = builder.headers(of: first, token: token)
        for name in ["idempotency-key", "if-match"] { request.headers.remove(name: name) }
        for (name, value) in configuration.traceHeaders?() ?? [] { request.headers.replaceOrAdd(name: name, value: value) }
        return request
    }

    private func batchBody(_ members: [BatchGatherer.Member]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(members.reduce(128) { $0 + $1.draft.body.readableBytes + 256 })
        buffer.writeString(#"{"meta":{"trace_id":""# + members[0].operation.traceID.description)
        buffer.writeString(#"","timestamp":""# + SystemClock().now.wall.rfc3339 + #""},"operations":["#)
        for (index, member) in members.enumerated() {
            if index > 0 { buffer.writeString(",") }
            buffer.writeString(#"{"method":""# + member.draft.route.method + #"","path":"#)
            buffer.writeString(JSONValue.string(String(member.draft.url.dropFirst(origin.text.count))).text)
            buffer.writeString(#","idempotency_key":""# + member.operation.idempotencyKey.description)
            buffer.writeString(#"","trace_id":""# + member.operation.traceID.description + "\"")
            if let etag = member.operation.sentIfMatch { buffer.writeString(",\"if_match\":" + JSONValue.string(etag).text) }
            buffer.writeString(",\"body\":")
            buffer.writeImmutableBuffer(member.draft.body)
            buffer.writeString("}")
        }
        buffer.writeString("]}")
        return buffer
    }

    /// The results by key; nil when the answer has none.
    private static func results(_ body: ByteBuffer) -> [String: JSONValue]? {
        let json: JSONValue
        do throws(JSONScanner.Defect) { json = try JSONValue(parsing: String(buffer: body)) } catch { return nil }
        guard let list = (json["data"]?["results"] ?? json["results"])?.elements else { return nil }
        var results: [String: JSONValue] = [:]
        for result in list { if let key = result["idempotency_key"]?.string { results[key.lowercased()] = result } }
        return results
    }

    private func read(_ results: [String: JSONValue], _ members: [BatchGatherer.Member]) -> [BatchGatherer.Word] {
        members.map { member in
            guard let result = results[member.operation.idempotencyKey.description], let status = result["status"]?.integer,
                (200...599).contains(status)
            else { return .outcome(Self.noResult(200)) }
            var headers: HTTPHeaders = ["content-type": "application/json"]
            if let etag = result["etag"]?.string { headers.add(name: "etag", value: etag) }
            if let wait = result["retry_after"] { headers.add(name: "retry-after", value: wait.string ?? wait.text) }
            headers.add(name: "trace-id", value: result["trace_id"]?.string ?? member.operation.traceID.description)
            let body = result["body"].map { ByteBuffer(string: $0.text) } ?? ByteBuffer()
            return .outcome(
                reader.outcome(
                    status: Int(status), headers: headers, body: body, operation: member.operation, route: member.draft.route,
                    url: member.draft.url))
        }
    }
}
