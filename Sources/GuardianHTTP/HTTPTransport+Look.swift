public import GuardianCore
import GuardianPrivacy
import NIOCore
import NIOHTTP1

extension HTTPTransport {
    /// Asks for the entity as the upstream has it now, and compares it with what was sent.
    ///
    /// All that was sent stands there, system fields aside: applied. Nothing is there where the upstream keeps the entity under its id, or
    /// an update has left its base, or its strong ETag, as it was: not applied. A delete is never taken for done, for deleting twice is
    /// harmless. All else can't be told.
    public func look(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Look {
        let operation = claim.operation
        switch await fetch(claim, token: token, timeoutMs: timeoutMs) {
        case .failed(.unsendable(let error)): return .unclear(error.message)
        case .failed(let outcome): return .failed(outcome)
        case .gone where operation.type == "delete", .present where operation.type == "delete": return .notApplied
        case .gone where routes.findsByID(operation): return .notApplied
        case .gone: return .unclear("nothing is found by its id, under which the upstream may not have it")
        case .present(let there, let etag): return compare(there, etag, operation)
        }
    }

    /// Gets the entity: a route for `read`, else the member's own path. The names of its members are turned back into the app's, where the
    /// route maps them; members that the route never sends are the payload's own.
    public func fetch(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Fetch {
        let operation = claim.operation
        let path: String
        do throws(Unroutable) { path = try routes.lookPath(for: operation) } catch {
            let message = Redactor.standard.redact(error.message)
            return .failed(.unsendable(LastError(class: .permanent, code: error.code, message: message)))
        }
        var request = OutgoingRequest(url: origin.text + path, headers: builder.headers(of: operation, token: token))
        for name in ["idempotency-key", "content-type", "if-match"] { request.headers.remove(name: name) }
        let (fetch, isLate) = await timer.bound(milliseconds: timeoutMs) { [request] in await ask(request, operation) }
        return isLate && fetch == .failed(.interrupted) ? .failed(.unanswered(.timeout, detail: "no answer in time")) : fetch
    }

    private func ask(_ request: OutgoingRequest, _ operation: Operation) async -> Fetch {
        do {
            let (answer, url, watch) = try await follow(request) { self.watch($0, [(operation, ByteBuffer())]) }
            watch?.answered(answer)
            let status = Int(answer.status.code)
            if answer.isTooLarge, status < 300 { return .failed(tooLarge) }
            if status == 404 || status == 410 { return .gone }
            let reader = AnswerReader(envelope: configuration.envelope, origin: origin)
            let own = routes.route(for: operation)
            let route = Route(
                operation: operation.type, entity: operation.entity.type, method: "GET", path: "/", keyMapping: own?.keyMapping ?? .none)
            let outcome = reader.outcome(
                status: status, headers: answer.headers, body: answer.body, operation: operation, route: route, url: url)
            guard case .accepted(let answer) = outcome else { return .failed(outcome) }
            guard let state = answer.data else { return Self.noState }
            return .present(own?.completed(state, by: JSONValue.reading(operation.payload)) ?? state, etag: answer.etag)
        } catch {
            return .failed(NetworkErrors.outcome(of: error))
        }
    }

    /// Of an entity that does not fit into an answer: the upstream is well, and asking again brings the same.
    private var tooLarge: Outcome {
        .unsendable(
            LastError(
                class: .conflict, code: "ANSWER_TOO_LARGE",
                message: "what is there is larger than the \(configuration.responseBodyLimit) bytes that are read of an answer"))
    }

    /// Of an answer without an object. As an empty entity it would say that somebody has removed every field.
    private static let noState = Fetch.failed(
        .unsendable(
            LastError(class: .conflict, code: "NO_STATE", message: "the upstream's answer has no JSON object that says what is there")))

    private func compare(_ there: JSONValue, _ etag: String?, _ operation: Operation) -> Look {
        do throws(JSONScanner.Defect) {
            let payload = try JSONValue(parsing: operation.payload ?? "{}")
            let sent = SystemFields.standard.content(of: routes.route(for: operation)?.chosen(from: payload) ?? payload)
            let names = Set((sent.members ?? []).map(\.name))
            // That an entity is there says that it was created, and nothing of an operation without content.
            if operation.type == "create" || !names.isEmpty, there.holds(sent) { return .applied(there, etag: etag) }
            guard operation.type == "update" else { return .unclear("what is there differs from what was sent") }
            if let known = operation.sentIfMatch, known == etag { return .notApplied }
            guard let text = operation.base, !names.isEmpty else { return .unclear("what is there differs from what was sent") }
            let base = try JSONValue(parsing: text)
            func part(_ entity: JSONValue) -> JSONValue { .object((entity.members ?? []).filter { names.contains($0.name) }) }
            return part(there).means(part(base)) ? .notApplied : .unclear("somebody else has changed it meanwhile")
        } catch {
            return .unclear("the payload \(error.constraint)")
        }
    }
}
