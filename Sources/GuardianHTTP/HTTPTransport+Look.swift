import AsyncHTTPClient
public import GuardianCore
import NIOCore
import NIOHTTP1

extension HTTPTransport {
    /// Asks for the entity as the upstream has it now, and compares it with what was sent.
    ///
    /// All fields of the payload as they were sent: applied. Not there: not applied. A create that is there and differs, or an update that
    /// neither arrived nor left the base untouched, can't be told.
    public func look(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Look {
        switch await fetch(claim, token: token, timeoutMs: timeoutMs) {
        case .gone: .notApplied
        case .present(let there, _): compare(there, claim.operation)
        case .failed(.unsendable(let error)): .unclear(error.message)
        case .failed(let outcome): .failed(outcome)
        }
    }

    /// Gets the entity: a route for `read`, else the member's own path. The names of its members are turned back into the app's, where the
    /// route maps them.
    public func fetch(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Fetch {
        let operation = claim.operation
        let path: String
        do throws(Unroutable) { path = try routes.lookPath(for: operation) } catch {
            return .failed(.unsendable(LastError(class: .permanent, code: error.code, message: error.message)))
        }
        var request = HTTPClientRequest(url: origin.text + path)
        request.headers = builder.headers(of: operation, token: token)
        for name in ["idempotency-key", "content-type", "if-match"] { request.headers.remove(name: name) }
        let (fetch, isLate) = await timer.bound(milliseconds: timeoutMs) { [request] in await ask(request, operation) }
        return isLate && fetch == .failed(.interrupted) ? .failed(.unanswered(.timeout, detail: "no answer in time")) : fetch
    }

    private func ask(_ request: HTTPClientRequest, _ operation: Operation) async -> Fetch {
        do {
            let response = try await client.execute(request, deadline: .distantFuture)
            let status = Int(response.status.code)
            let body = try await response.body.collect(upTo: configuration.responseBodyLimit)
            if status == 404 || status == 410 { return .gone }
            let reader = AnswerReader(envelope: configuration.envelope, origin: origin)
            let route = Route(operation: operation.type, entity: operation.entity.type, method: "GET", path: "/")
            let outcome = reader.outcome(
                status: status, headers: response.headers, body: body, operation: operation, route: route, url: request.url)
            guard case .accepted(let answer) = outcome else { return .failed(outcome) }
            let mapping = routes.route(for: operation)?.keyMapping ?? .none
            return .present(RequestBuilder.renamed(answer.data ?? [:], mapping.inverse), etag: answer.etag)
        } catch {
            return .failed(NetworkErrors.outcome(of: error))
        }
    }

    private func compare(_ there: JSONValue, _ operation: Operation) -> Look {
        do throws(JSONScanner.Defect) {
            let sent = try JSONValue(parsing: operation.payload ?? "{}").members ?? []
            if sent.allSatisfy({ there[$0.name] == $0.value }) { return .applied }
            guard operation.type != "create", let text = operation.base else { return .unclear("what is there differs from what was sent") }
            let base = try JSONValue(parsing: text)
            let isUntouched = sent.allSatisfy { there[$0.name] == base[$0.name] }
            return isUntouched ? .notApplied : .unclear("somebody else has changed it meanwhile")
        } catch {
            return .unclear("the payload \(error.constraint)")
        }
    }
}
