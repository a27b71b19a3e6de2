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
        let operation = claim.operation
        let path: String
        do throws(Unroutable) { path = try routes.lookPath(for: operation) } catch { return .unclear(error.message) }
        var request = HTTPClientRequest(url: origin.text + path)
        request.headers = builder.headers(of: operation, token: token)
        request.headers.remove(name: "idempotency-key")
        request.headers.remove(name: "content-type")
        let (look, isLate) = await timer.bound(milliseconds: timeoutMs) { [request] in await ask(request, operation) }
        return isLate && look == .failed(.interrupted) ? .failed(.unanswered(.timeout, detail: "no answer in time")) : look
    }

    private func ask(_ request: HTTPClientRequest, _ operation: Operation) async -> Look {
        do {
            let response = try await client.execute(request, deadline: .distantFuture)
            let status = Int(response.status.code)
            let body = try await response.body.collect(upTo: configuration.responseBodyLimit)
            if status == 404 || status == 410 { return .notApplied }
            let reader = AnswerReader(envelope: configuration.envelope, origin: origin)
            let route = Route(operation: operation.type, entity: operation.entity.type, method: "GET", path: "/")
            let outcome = reader.outcome(
                status: status, headers: response.headers, body: body, operation: operation, route: route, url: request.url)
            guard case .accepted = outcome else { return .failed(outcome) }
            return compare(String(buffer: body), operation)
        } catch {
            return .failed(NetworkErrors.outcome(of: error))
        }
    }

    private func compare(_ body: String, _ operation: Operation) -> Look {
        do throws(JSONScanner.Defect) {
            let answer = try JSONValue(parsing: body)
            let there = configuration.envelope == .standard ? answer["data"] ?? answer : answer
            let sent = try JSONValue(parsing: operation.payload ?? "{}").members ?? []
            if sent.allSatisfy({ there[$0.name] == $0.value }) { return .applied }
            guard operation.type != "create", let text = operation.base else { return .unclear("what is there differs from what was sent") }
            let base = try JSONValue(parsing: text)
            let isUntouched = sent.allSatisfy { there[$0.name] == base[$0.name] }
            return isUntouched ? .notApplied : .unclear("somebody else has changed it meanwhile")
        } catch {
            return .unclear("the answer \(error.constraint)")
        }
    }
}
