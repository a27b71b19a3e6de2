import NIOHTTP1

extension HTTPTransport {
    /// What ``follow(_:answered:limit:watch:)`` returns for `request`, whose body goes compressed where it may. `path` is the route's, with
    /// its parameters unfilled.
    func submit(
        _ request: OutgoingRequest, at path: String, limit: Int, watch: (OutgoingRequest) -> WireWatch?
    ) async throws -> (answer: IncomingAnswer, url: String, watch: WireWatch?) {
        guard let coded = request.body.flatMap(compression.coded) else { return try await follow(request, limit: limit, watch: watch) }
        let first = try await follow(request.carrying(gzip: coded), limit: limit, watch: watch)
        return try await unlessRefused(first, request, at: path, limit: limit, watch: watch)
    }

    /// What came of a compressed request, `first`. One that is refused for being compressed is sent again at once with the body as it is,
    /// and otherwise the same, its idempotency key too: `plain`. Redirects are followed anew. Only the second answer counts.
    func unlessRefused(
        _ first: (answer: IncomingAnswer, url: String, watch: WireWatch?), _ plain: OutgoingRequest, at path: String, limit: Int? = nil,
        watch: (OutgoingRequest) -> WireWatch?
    ) async throws -> (answer: IncomingAnswer, url: String, watch: WireWatch?) {
        let status = first.answer.status
        guard compression.isRefusal(status, at: path) else { return first }
        first.watch?.answered(first.answer)
        let second = try await follow(plain, limit: limit, watch: watch)
        if compression.learn(refusal: status, first.answer.headers, thenPlain: second.answer.status) {
            configuration.observer?.compressionRefused(by: origin.text, status: Int(status.code))
        }
        return second
    }
}
