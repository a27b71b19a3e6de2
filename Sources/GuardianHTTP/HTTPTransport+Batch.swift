public import GuardianCore
import NIOCore
import NIOHTTP1

extension HTTPTransport {
    /// What goes out together costs less, on its way and in one request.
    public var gathers: Bool { true }

    /// Full batches go out as they are; what is left of them waits for others, each by itself. All else goes out alone.
    public func send(_ dispatches: [Dispatch], token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void) async {
        var alone: [Attempt] = []
        var together: [BatchEndpoint: [Attempt]] = [:]
        for (place, dispatch) in dispatches.enumerated() {
            do throws(Unroutable) {
                let attempt = try attempt(dispatch, at: place)
                if let endpoint = Self.endpoint(for: attempt), gatherer.isThere(endpoint) {
                    together[endpoint, default: []].append(attempt)
                } else {
                    alone.append(attempt)
                }
            } catch {
                tell(place, Self.unsendable(error))
            }
        }
        guard !together.isEmpty else { return await send(alone, token: token, tell: tell) }
        await withDiscardingTaskGroup { [alone] group in
            group.addTask { await self.send(alone, token: token, tell: tell) }
            for (endpoint, attempts) in together {
                for piece in Piece.cut(attempts, for: endpoint) {
                    if piece.isFull {
                        group.addTask { await self.send(piece, to: endpoint, token: token, tell: tell) }
                        continue
                    }
                    for attempt in piece.attempts {
                        group.addTask { tell(attempt.place, await self.sendGathered(attempt, endpoint, token: token)) }
                    }
                }
            }
        }
    }

    private func attempt(_ dispatch: Dispatch, at place: Int) throws(Unroutable) -> Attempt {
        var draft = try draft(of: dispatch.claim.operation)
        draft.traceHeaders = dispatch.headers.isEmpty ? configuration.traceHeaders?() ?? [] : dispatch.headers
        return Attempt(place: place, operation: dispatch.claim.operation, draft: draft, timeoutMs: dispatch.timeoutMs)
    }

    /// What goes out in one request.
    private struct Piece: Sendable {
        var attempts: [Attempt] = []
        var isFull = false
        private var bytes = 0

        /// Pieces of the size of the endpoint's batches or, where bodies are large, of their bytes. The last one need not be full.
        static func cut(_ attempts: [Attempt], for endpoint: BatchEndpoint) -> [Piece] {
            var pieces: [Piece] = []
            var piece = Piece()
            for attempt in attempts {
                let bytes = attempt.draft.body.readableBytes
                if !piece.attempts.isEmpty, piece.bytes + bytes > BatchEndpoint.bytes {
                    piece.isFull = piece.attempts.count > 1
                    pieces.append(piece)
                    piece = Piece()
                }
                piece.attempts.append(attempt)
                piece.bytes += bytes
                if piece.attempts.count == endpoint.size {
                    piece.isFull = true
                    pieces.append(piece)
                    piece = Piece()
                }
            }
            if !piece.attempts.isEmpty { pieces.append(piece) }
            return pieces
        }
    }

    /// Sends a full batch; it is over when the time of the first of it is.
    private func send(
        _ piece: Piece, to endpoint: BatchEndpoint, token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void
    ) async {
        let timeoutMs = piece.attempts.map(\.timeoutMs).min() ?? 0
        let (words, isLate) = await timer.bound(milliseconds: timeoutMs) { await deliver(piece.attempts, to: endpoint, token: token) }
        // Whoever stops it stops all of it.
        if !isLate, case .outcome(.interrupted) = words[0] { return }
        await withDiscardingTaskGroup { group in
            for (attempt, word) in zip(piece.attempts, words) {
                switch word {
                case .outcome(.interrupted): tell(attempt.place, Self.noAnswerInTime)
                case .outcome(let outcome): tell(attempt.place, outcome)
                case .alone: group.addTask { await self.send([attempt], token: token, tell: tell) }
                }
            }
        }
    }

    /// Sends an operation together with others that begin now. What is wrong with the whole request counts once.
    private func sendGathered(_ attempt: Attempt, _ endpoint: BatchEndpoint, token: String?) async -> Outcome {
        await bounded(attempt.timeoutMs) {
            let word: BatchGatherer.Word
            switch gatherer.join(.init(endpoint: endpoint, token: token), attempt) {
            case .alone: word = .alone
            case .follower(let number, let place): word = await gatherer.word(number, place: place)
            case .leader(let number):
                let members = await gatherer.gather(number)
                let words = members.count > 1 ? await deliver(members, to: endpoint, token: token) : [.alone]
                gatherer.tell(number, words)
                word = words.first ?? .alone
            }
            guard case .outcome(let outcome) = word else {
                return await Self.outcome { await self.send([attempt], token: token, tell: $0) }
            }
            return outcome
        }
    }

    private func deliver(_ members: [Attempt], to endpoint: BatchEndpoint, token: String?) async -> [BatchGatherer.Word] {
        let outcome: Outcome
        do {
            let (answer, url, watch) = try await submit(
                batchRequest(members, endpoint, token: token), at: endpoint.path,
                limit: configuration.responseBodyLimit + members.count * 4096
            ) { self.watch($0, members.map { ($0.operation, $0.draft.body) }) }
            let status = Int(answer.status.code)
            let results = (200..<300).contains(status) && !answer.isTooLarge ? Self.results(answer.body) : nil
            watch?.answered(answer, results: results)
            if let results { return read(results, members) }
            // These say that the batch, not what is in it, is not taken.
            if [400, 404, 405, 413, 415, 422, 501].contains(status) {
                if [404, 405, 501].contains(status) { gatherer.isMissing(endpoint) }
                return members.map { _ in .alone }
            }
            let first = members[0]
            let read = read(answer, first.operation, first.draft.route, url)
            if case .accepted = read { outcome = Self.noResult(status) } else { outcome = read }
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

    /// It goes under the trace of the first.
    private func batchRequest(_ members: [Attempt], _ endpoint: BatchEndpoint, token: String?) -> OutgoingRequest {
        var headers = builder.headers(of: members[0].operation, token: token)
        for name in ["idempotency-key", "if-match"] { headers.remove(name: name) }
        for (name, value) in members[0].draft.traceHeaders { headers.replaceOrAdd(name: name, value: value) }
        return OutgoingRequest(url: origin.text + endpoint.path, method: .POST, headers: headers, body: batchBody(members))
    }

    private func batchBody(_ members: [Attempt]) -> ByteBuffer {
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

    private func read(_ results: [UniqueID: JSONValue], _ members: [Attempt]) -> [BatchGatherer.Word] {
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
