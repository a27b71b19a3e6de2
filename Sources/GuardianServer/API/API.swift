import Foundation
import GuardianCore
import HTTPTypes
import Hummingbird
import NIOCore

/// What the API does once there is an engine over an open store: one function for each endpoint.
struct API: Sendable {
    let engine: SyncEngine
    let store: any Store
    let configuration: APIServer.Configuration
    let probe = WriteProbe()
    let repeats = RepeatGuard()

    static func json(_ status: HTTPResponse.Status, _ value: JSONValue) -> Response {
        var response = Response(status: status, body: .init(byteBuffer: ByteBuffer(string: value.text)))
        response.headers[.contentType] = "application/json; charset=utf-8"
        return response
    }

    static func id(_ context: some RequestContext) throws -> OperationID {
        let raw = try context.parameters.require("id")
        let text = raw.removingPercentEncoding ?? raw
        guard let id = OperationID(text) else { throw Problem(SyncError.notFound(id: Problem.beginning(of: text, 128))) }
        return id
    }

    func status() async throws -> Response {
        do throws(StoreError) {
            let control = try await store.loadControl()
            let lock = try await store.lockState()
            return Self.json(
                .ok,
                [
                    "books": try await store.books().json, "delivering": .bool(engine.isActive),
                    "pauses": .array(control.pauses.map { .string($0.rawValue) }),
                    "lock": lock.map { ["owner": .string($0.fence.owner), "epoch": JSONValue($0.fence.epoch)] } ?? .null,
                ])
        } catch {
            throw Problem(SyncError.store(error))
        }
    }

    func show(_ id: OperationID, _ request: Request) async throws -> Response {
        let found = try await stored(id)
        let tag = Self.tag(of: found)
        if EntityTag.isNamed(tag, in: request.headers[.ifNoneMatch], weakly: true) {
            return Response(status: .notModified, headers: [.eTag: tag])
        }
        var response = Self.json(.ok, found.json())
        response.headers[.eTag] = tag
        return response
    }

    private func stored(_ id: OperationID) async throws -> GuardianCore.Operation {
        let found: GuardianCore.Operation?
        do throws(StoreError) { found = try await store.operation(id) } catch { throw Problem(SyncError.store(error)) }
        guard let found else { throw Problem(SyncError.notFound(id: id.description)) }
        return found
    }

    /// Changes with every change of the operation.
    private static func tag(of operation: GuardianCore.Operation) -> String {
        "\"\(operation.seq)-\(operation.updatedAt.milliseconds)-\(operation.status.rawValue)-\(operation.tries)\""
    }

    /// The status of the state that the caller has named (`If-Match`); nil when none is named. Throws a ``Problem`` when the operation is
    /// in that state no more. The store makes a change only while the status is still that one.
    private func matched(_ id: OperationID, _ request: Request) async throws -> GuardianCore.Operation.Status? {
        guard let wanted = request.headers[.ifMatch], wanted != "*" else { return nil }
        let found = try await stored(id)
        guard EntityTag.isNamed(Self.tag(of: found), in: wanted, weakly: false) else { throw Self.changed(id) }
        return found.status
    }

    private static func changed(_ id: OperationID) -> Problem {
        Problem(.preconditionFailed, "changed meanwhile", "operation \(id) is not as its ETag said; look again")
    }

    func cancel(_ id: OperationID, _ request: Request) async throws -> Response {
        let status = try await matched(id, request)
        let before: GuardianCore.Operation?
        let answer: CancelAnswer
        do throws(StoreError) { before = try await store.operation(id) } catch { throw Problem(SyncError.store(error)) }
        do throws(SyncError) { answer = try await engine.cancel(id, ifStill: status) } catch { throw Problem(error) }
        switch answer {
        // With a state that was named it was there a moment ago, in that state.
        case .notFound: throw status == nil ? Problem(SyncError.notFound(id: id.description)) : Self.changed(id)
        case .inFlight: throw Problem(SyncError.refused(reason: "operation \(id) is on the wire now; ask again when it has settled"))
        case .neverSent: return Self.json(.ok, ["id": .string(id.description), "cancelled": .string(answer.rawValue)])
        case .mayHaveApplied:
            let undo = before?.undo()?.json ?? .null
            return Self.json(.ok, ["id": .string(id.description), "cancelled": .string(answer.rawValue), "undo": undo])
        }
    }

    func retry(_ id: OperationID, _ request: Request) async throws -> Response {
        guard let key = try RepeatGuard.key(Self.idempotencyKey.flatMap { request.headers[$0] }) else {
            return Self.json(.ok, try await retryNow(id, request))
        }
        return Self.json(.ok, try await repeats.once(key, "retry \(id)") { try await retryNow(id, request) })
    }

    private func retryNow(_ id: OperationID, _ request: Request) async throws -> JSONValue {
        _ = try await matched(id, request)
        let count: Int
        do throws(SyncError) { count = try await engine.retry([id]) } catch { throw Problem(error) }
        guard count == 1 else {
            _ = try await stored(id)
            throw Problem(SyncError.refused(reason: "operation \(id) is not among the failed ones"))
        }
        return ["id": .string(id.description), "status": "pending"]
    }

    /// The OpenAPI document of this API.
    static func openAPI(_ request: Request) -> Response {
        let tag = "\"\(ConsoleViews.digest(of: OpenAPIDocument.text))\""
        if EntityTag.isNamed(tag, in: request.headers[.ifNoneMatch], weakly: true) {
            return Response(status: .notModified, headers: [.eTag: tag])
        }
        var response = Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: OpenAPIDocument.text)))
        response.headers[.contentType] = "application/json; charset=utf-8"
        response.headers[.eTag] = tag
        return response
    }

    func pause(_ active: Bool) async throws -> Response {
        do throws(SyncError) {
            return Self.json(.ok, ["paused": .bool(try await !setPaused(active).isEmpty)])
        } catch {
            throw Problem(error)
        }
    }

    /// Pauses delivery, or ends every pause whatever its reason. Returns what is in force afterwards: a processor that delivers may have
    /// found the same reason again.
    func setPaused(_ isPaused: Bool) async throws(SyncError) -> Set<Pause> {
        if isPaused {
            try await engine.pause()
        } else {
            for pause in Pause.allCases { try await engine.resume(pause) }
        }
        do throws(StoreError) { return try await store.loadControl().pauses } catch { throw .store(error) }
    }
}
