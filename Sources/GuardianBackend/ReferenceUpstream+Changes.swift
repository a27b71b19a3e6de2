import Foundation
import HTTPTypes
import Hummingbird
import Synchronization

extension ReferenceUpstream {
    static let mostChangesInPage = 1000
    /// A page or a frame ends behind the change that reaches so many bytes.
    static let fullPageBytes = 1 << 20

    /// How changes are told. A shorter history counts at once.
    public func setChanges(_ settings: ChangeSettings) {
        state.withLock { state in
            state.changes.settings = settings
            state.changes.trim()
        }
    }

    /// How many readers have a stream open.
    public var changeReaders: Int { state.withLock { $0.changes.readers } }

    /// `PUT /_changes`
    func changeChanges(_ request: Request) async throws -> Response {
        var request = request
        let body = Data(try await request.collectBody(upTo: 1 << 20).readableBytesView)
        var fields = try Fields(body)
        let settings = try ChangeSettings(&fields)
        try fields.end()
        setChanges(settings)
        return .json(.ok, String(decoding: body, as: UTF8.self))
    }

    /// `GET /api/v1/changes?since=CURSOR&limit=N` and `GET /api/v1/changes/stream`. Logged and struck by modes like other API requests.
    func changesAnswer(_ request: Request, _ context: ConnectionContext, isStream: Bool) async throws -> Response {
        let call = Call(request, body: "")
        let n = log.withLock { $0.append(request.head, body: "", at: .now) }
        let response = changesReply(to: request, call, context, isStream: isStream)
        log.withLock { $0.close(n, status: response?.status.code ?? 0) }
        if let response { return response }
        try await context.channel.close()
        throw ReaderDropped()
    }

    /// nil is no answer, but the end of the connection.
    private func changesReply(to request: Request, _ call: Call, _ context: ConnectionContext, isStream: Bool) -> Response? {
        switch state.withLock({ $0.judge(call, at: .now) }) {
        case .serve: break
        case .refuse(let status, let code, let message, let retryAfter):
            var response = call.error(.init(code: status), code, message)
            response.headers[.retryAfter] = retryAfter
            return response
        case .stranger(let page): return .page(page)
        case .closeBefore, .closeAfter: return nil
        }
        let settings = state.withLock { $0.changes.settings }
        if let token = settings.token, request.headers[.authorization] != "Bearer \(token)" {
            return call.error(.unauthorized, "UNAUTHORIZED", "a token is asked for")
        }
        if isStream { return stream(request, call, context, settings) }
        if let status = settings.pollStatus { return call.error(.init(code: status), "FORCED", "the settings say so") }
        do throws(BadField) { return try page(request, call) } catch {
            return call.error(.badRequest, "BAD_REQUEST", "\(error.field): \(error.constraint)")
        }
    }

    private func page(_ request: Request, _ call: Call) throws(BadField) -> Response {
        let since = request.uri.queryParameters["since"].map { String($0) } ?? ""
        var limit = 100
        if let text = request.uri.queryParameters["limit"] {
            guard let number = Int(text), (1...Self.mostChangesInPage).contains(number) else {
                throw BadField("limit", "must be a whole number from 1 to \(Self.mostChangesInPage)")
            }
            limit = number
        }
        return state.withLock { state in
            let log = state.changes
            guard let position = log.position(of: since), case .changes(let changes) = log.page(after: position, limit: limit) else {
                let next = Response.quoted(log.cursor(log.last))
                return call.data(.ok, #"{"changes":[],"next":\#(next),"reset":true,"more":false}"#, etag: nil)
            }
            var told: [String] = []
            var bytes = 0
            for change in changes where bytes < Self.fullPageBytes {
                told.append(log.json(change))
                bytes += told.last?.utf8.count ?? 0
            }
            let next = told.isEmpty ? position : changes[told.count - 1].n
            let list = "[" + told.joined(separator: ",") + "]"
            return call.data(
                .ok, #"{"changes":\#(list),"next":"\#(log.cursor(next))","reset":false,"more":\#(next < log.last)}"#, etag: nil)
        }
    }
}
