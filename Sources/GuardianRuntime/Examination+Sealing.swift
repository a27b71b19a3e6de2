import GuardianCore
import GuardianSQLite

extension Examination {
    /// Whether what people wrote stands in the file as the configuration wants it, what is old too.
    func sealing(_ store: any OpenedStore) async throws(StoreError) -> Finding {
        guard let file = store as? SQLiteStore else { return Finding("sealing", .holds, "payloads are stored in clear") }
        if let warning = try await assembly.sealingWarning(of: file) { return Finding("sealing", .warns, warning) }
        let (active, isDue) = (try await file.sealKey(), try await file.needsRekey())
        switch (active, isDue) {
        case (let key?, false): return Finding("sealing", .holds, "what people wrote is sealed under key \(key)")
        case (nil, false): return Finding("sealing", .holds, "payloads are stored in clear")
        case (let key?, true):
            let isNew = "what is new is sealed under key \(key)"
            return Finding("sealing", .warns, "\(isNew), what is old may stand in the file otherwise; run `guardian rekey`")
        case (nil, true):
            return Finding("sealing", .warns, "what is new is in clear, what is old is sealed; run `guardian rekey --unseal`")
        }
    }
}
