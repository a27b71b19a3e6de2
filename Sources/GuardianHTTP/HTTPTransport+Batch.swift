import AsyncHTTPClient
public import GuardianCore
import NIOCore
import NIOHTTP1

extension HTTPTransport {
    /// Whether a route has an endpoint for several.
    public var gathers: Bool { configuration.routes.contains { $0.batch != nil } }

    /// Full batches go out as they are; what is left of them waits for others, each by itself.
    public func send(_ dispatches: [Dispatch], token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void) async {
        var together: [BatchEndpoint: [Piece.Part]] = [:]
        await withDiscardingTaskGroup { group in
            for (place, dispatch) in dispatches.enumerated() {
                let operation = dispatch.claim.operation
                let draft: Draft
                do throws(Unroutable) { draft = try self.draft(of: operation) } catch {
                    tell(place, Self.unsendable(error))
                    continue
                }
                let part = Piece.Part(place: place, member: .init(operation: operation, draft: draft), timeoutMs: dispatch.timeoutMs)
                if let endpoint = Self.endpoint(for: operation, draft), gatherer.isThere(endpoint) {
                    together[endpoint, default: []].append(part)
                } else {
                    group.addTask { tell(place, await self.send(operation, draft, token: token, timeoutMs: dispatch.timeoutMs)) }
                }
            }
            for (endpoint, parts) in together {
                for piece in Piece.cut(parts, for: endpoint) {
                    guard piece.isFull else {
                        for part in piece.parts {
                            group.addTask {
                                let member = part.member
                                let outcome = await self.send(
                                    member.operation, member.draft, token: token, timeoutMs: part.timeoutMs)
                                tell(part.place, outcome)
                            }
                        }
                        continue
                    }
                    group.addTask { await self.send(piece, to: endpoint, token: token, tell: tell) }
                }
            }
        }
    }

    /// What goes out in one request.
    private struct Piece: Sendable {
        struct Part: Sendable {
            var place: Int
            var member: BatchGatherer.Member
            var timeoutMs: Int64
        }

        var parts: [Part] = []
        var isFull = false
        private var bytes = 0

        /// Pieces of the size of the endpoint's batches or, where bodies are large, of their bytes. The last one need not be full.
        static func cut(_ parts: [Part], for endpoint: BatchEndpoint) -> [Piece] {
            var pieces: [Piece] = []
            var piece = Piece()
            for part in parts {
                let bytes = part.member.draft.body.readableBytes
                if !piece.parts.isEmpty, piece.bytes + bytes > BatchEndpoint.bytes {
                    piece.isFull = piece.parts.count > 1
                    pieces.append(piece)
                    piece = Piece()
                }
                piece.parts.append(part)
                piece.bytes += bytes
                if piece.parts.count == endpoint.size {
                    piece.isFull = true
                    pieces.append(piece)
                    piece = Piece()
                }
            }
            if !piece.parts.isEmpty { pieces.append(piece) }
            return pieces
        }
    }

    /// Sends a full batch; it is over when the time of the first of it is.
    private func send(
        _ piece: Piece, to endpoint: BatchEndpoint, token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void
    ) async {
        let timeoutMs = piece.parts.map(\.timeoutMs).min() ?? 0
        let (words, isLate) = await timer.bound(milliseconds: timeoutMs) {
            await deliver(piece.parts.map(\.member), to: endpoint, token: token)
        }
        // Whoever stops it stops all of it.
        if !isLate, case .outcome(.interrupted) = words[0] { return }
        await withDiscardingTaskGroup { group in
            for (part, word) in zip(piece.parts, words) {
                switch word {
                case .outcome(.interrupted): tell(part.place, Self.noAnswerInTime)
                case .outcome(let outcome): tell(part.place, outcome)
                case .alone:
                    group.addTask {
                        let outcome = await self.bounded(part.timeoutMs) {
                            await self.sendAlone(part.member.operation, part.member.draft, token: token)
                        }
                        tell(part.place, outcome)
                    }
                }
            }
        }
    }

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
            buffer.writeString(#"{"method":""#)
            buffer.writeString(member.draft.route.method)
            buffer.writeString(#"","path":"#)
            buffer.writeString(JSONValue.string(member.draft.path).text)
            buffer.writeString(#","idempotency_key":""#)
            buffer.writeString(member.operation.idempotencyKey.description)
            buffer.writeString(#"","trace_id":""#)
            buffer.writeString(member.operation.traceID.description)
            buffer.writeString("\"")
            if let etag = member.operation.sentIfMatch { buffer.writeString(",\"if_match\":" + JSONValue.string(etag).text) }
            buffer.writeString(",\"body\":")
            buffer.writeImmutableBuffer(member.draft.body)
            buffer.writeString("}")
        }
        buffer.writeString("]}")
        return buffer
    }

    /// The results by key; nil when the answer has none.
    private static func results(_ body: ByteBuffer) -> [UniqueID: JSONValue]? {
        let json: JSONValue
        do throws(JSONScanner.Defect) { json = try JSONValue(parsing: String(buffer: body)) } catch { return nil }
        guard let list = (json["data"]?["results"] ?? json["results"])?.elements else { return nil }
        var results: [UniqueID: JSONValue] = [:]
        results.reserveCapacity(list.count)
        for result in list {
            if let key = result["idempotency_key"]?.string.flatMap({ UniqueID($0) ?? UniqueID($0.lowercased()) }) { results[key] = result }
        }
        return results
    }

    private func read(_ results: [UniqueID: JSONValue], _ members: [BatchGatherer.Member]) -> [BatchGatherer.Word] {
        members.map { member in
            guard let result = results[member.operation.idempotencyKey], let status = result["status"]?.integer,
                (200...599).contains(status)
            else { return .outcome(Self.noResult(200)) }
            if (200..<300).contains(status), let body = result["body"], result["retry_after"] == nil {
                let (operation, route) = (member.operation, member.draft.route)
                return .outcome(
                    reader.outcome(
                        status: Int(status), etag: result["etag"]?.string, trace: result["trace_id"]?.string, body: body,
                        operation: operation, route: route))
            }
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
