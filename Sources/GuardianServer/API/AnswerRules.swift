import HTTPTypes
import Hummingbird

/// What HTTP asks of every answer, whichever route gives it.
struct AnswerRules: HTTPResponder {
    let router: RouterResponder<ServerContext>

    func respond(to request: Request, context: ServerContext) async throws -> Response {
        var response = try await answer(request, context)
        // Whoever asks on is told that it is in vain (RFC 9112 section 9.6).
        if request.headers[.connection] == "close" { response.headers[.connection] = "close" }
        return response
    }

    /// HEAD is answered as GET, without the content (RFC 9110 section 9.3.2).
    private func answer(_ request: Request, _ context: ServerContext) async throws -> Response {
        guard request.method == .head else { return try await router.respond(to: request, context: context) }
        var head = request.head
        if !Endpoints.isStream(request.uri.path) { head.method = .get }
        return try await router.respond(to: Request(head: head, body: request.body), context: context).createHeadResponse()
    }
}
