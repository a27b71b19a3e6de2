internal import GRDB
internal import GuardianCore
internal import GuardianPrivacy

extension WriteTransaction {
    private static let active = SQL("SELECT key_id FROM guardian_seal WHERE active = 1")

    /// What is written now: under which key, or in clear.
    enum Sealing {
        case off
        case under(SealKey)
    }

    /// Asked of the store once, as long as nobody else writes to it.
    private func sealing() throws -> Sealing {
        if let knownSealing { return knownSealing }
        let find = try statement(Self.active)
        defer { find.reset() }
        var sealing = Sealing.off
        if try find.step() {
            guard let id = SealKey.ID(bytes: find.bytes(0)) else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the store's key has no id")
            }
            guard let key = try vault.key(id) else { throw Vault.missing(id, hasKeys: vault.current != nil) }
            if vault.isUnsalted { vault.use(salt: try Vault.salt(db)) }
            sealing = .under(key)
        }
        knownSealing = sealing
        return sealing
    }

    /// Throws unless this process may write as the store is to be written now.
    func checkSealing() throws { _ = try sealing() }

    /// A text as it is to be stored.
    func stored(_ text: String?, _ place: @autoclosure () -> Sealer.Place) throws -> Stored {
        guard let text else { return .nothing }
        switch try sealing() {
        case .off: return .clear(text)
        case .under(let key): return .sealed(try vault.seal(text, under: key, at: place()))
        }
    }
}

extension RawStatement {
    func bind(_ index: Int32, _ stored: Stored) {
        switch stored {
        case .nothing: bind(index, nil as String?)
        case .clear(let text): bind(index, text as String?)
        case .sealed(let bytes): bytes.withUnsafeBytes { bind(index, copying: $0) }
        }
    }

    /// A text that may be sealed.
    func text(_ column: Int32, _ vault: Vault, _ place: @autoclosure () -> Sealer.Place) throws -> String? {
        guard isBlob(column) else { return text(column) }
        return try withBlob(column) { try vault.open($0, at: place()) }
    }
}
