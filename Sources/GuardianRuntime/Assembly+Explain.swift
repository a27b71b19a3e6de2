public import GuardianCore
public import GuardianHTTP
import GuardianSQLite

extension Assembly {
    /// Bytes that the store can still use, its reserve among them; nil when it can't be asked.
    public func freeBytes() -> Int64? { isStoredInFile ? SQLiteStore.availableBytes(storePath: storePath) : nil }

    /// What holds up delivery from `store` as a whole now, for a processor of these settings.
    public func situation(of store: any OpenedStore) async throws -> Explanation.Situation {
        try await .init(of: store, at: SystemClock().now.wall, freeBytes: freeBytes(), for: try processorConfiguration())
    }

    /// The very request that a processor of these settings would send for `operation`, the token masked.
    ///
    /// `newKey` says that its idempotency key (and the span in `traceparent`) will be another: up-casters change its payload, and what
    /// was ever sent under a key never changes. Throws ``Unroutable`` when there is nothing to send.
    public func preview(of operation: Operation, from store: any OpenedStore) async throws -> (request: RequestPreview, newKey: Bool) {
        var operation = operation
        var newKey = false
        switch try upcasters().cast(operation) {
        case .upToDate: break
        case .changed(let payload, let version):
            newKey = operation.lastAttemptAt != nil
            operation.payload = payload
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
