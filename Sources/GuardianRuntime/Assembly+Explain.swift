package import GuardianCore
package import GuardianHTTP
import GuardianPrivacy
import GuardianSQLite
import GuardianServer

extension Assembly {
    /// Bytes that the store can still use, its reserve among them; nil when it can't be asked.
    package func freeBytes() -> Int64? { room()?.usableBytes }

    /// What holds up delivery from `store` as a whole now, for a processor of these settings.
    package func situation(of store: any OpenedStore) async throws -> Explanation.Situation {
        try await .init(of: store, at: SystemClock().now.wall, room: room(), for: try processorConfiguration())
    }

    /// What `guardian status` shows of `store`.
    package func status(of store: any OpenedStore) async throws -> StatusReport {
        let situation = try await situation(of: store)
        return StatusReport(
            situation: situation, books: try await store.books(),
            queue: QueueExplanation.of(try await store.census(at: situation.now), situation), oldest: try await store.oldestPending(),
            alerts: savedAlerts())
    }

    /// What is to be said beside a preview whose key will be another.
    package static let newKeyNote = "its payload is cast to a newer version first; it gets a new Idempotency-Key (and traceparent) then"

    /// What the console shows of ``preview(of:from:)``.
    func consolePreview(of operation: Operation, from store: any Store) async -> ConsolePreview {
        guard let store = store as? any OpenedStore else { return .impossible("the store can't say under which name requests are sent") }
        do {
            let (request, newKey) = try await preview(of: operation, from: store)
            return .request(request.redacted.text, note: newKey ? Self.newKeyNote : nil)
        } catch let error as Unroutable {
            return .impossible("\(error.code): \(error.message)")
        } catch let error as SettingsError {
            return .impossible(error.description)
        } catch let error as StoreError {
            return .impossible(error.description)
        } catch {
            return .impossible("\(error)")
        }
    }

    /// The very request that a processor of these settings would send for `operation`, the token masked.
    ///
    /// `newKey` says that its idempotency key (and the span in `traceparent`) will be another: up-casters change its payload, and what
    /// was ever sent under a key never changes. Throws ``Unroutable`` when there is nothing to send.
    package func preview(of operation: Operation, from store: any OpenedStore) async throws -> (request: RequestPreview, newKey: Bool) {
        var operation = operation
        var newKey = false
        switch try processorConfiguration().cast(operation) {
        case .upToDate: break
        case .changed(let payload, let base, let version):
            newKey = operation.lastAttemptAt != nil
            operation.payload = payload
            operation.base = base
            operation.schemaVersion = version
        case .impossible(let error): throw Unroutable(code: error.code, message: error.message)
        }
        let transport = try HTTPTransport(configuration: try transportConfiguration(deviceID: try await store.deviceID()))
        let hasToken = settings.text("upstream.auth.kind") != "none"
        let preview: Result<RequestPreview, Unroutable>
        do throws(Unroutable) { preview = .success(try transport.preview(of: operation, hasToken: hasToken)) } catch {
            preview = .failure(error)
        }
        await transport.shutdown()
        return (try preview.get(), newKey)
    }
}

extension RequestPreview {
    /// What may be shown of it. The token was masked when it was made.
    package var redacted: RequestPreview {
        var shown = self
        shown.url = Redactor.standard.redact(url)
        shown.headers = headers.map { ($0.name, $0.name == "authorization" ? $0.value : SecurityUtils.safeHeader($0.name, $0.value)) }
        shown.body = Redactor.standard.redact(json: body)
        return shown
    }
}
