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

    private static let oldestSealed = SQL(
        "SELECT seq, payload, error_message FROM guardian_operation WHERE typeof(payload) = 'blob' ORDER BY seq LIMIT 50")

    /// Whether what can't be opened is a row, and not the salt or a key, without which nothing can be: in the oldest rows with a sealed
    /// payload something opens, or there is but one.
    func opensOthers() throws -> Bool {
        let find = try statement(Self.oldestSealed)
        defer { find.reset() }
        var broken = 0
        while try find.step() {
            let seq = find.int(0)
            if try find.readableText(1, vault, SealedKind.payload.at(seq)) != nil { return true }
            if find.isBlob(2), try find.readableText(2, vault, SealedKind.errorMessage.at(seq)) != nil { return true }
            broken += 1
        }
        return broken < 2
    }

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

    /// A text that may be sealed. Throws ``StoreError/corrupt(_:)`` for one that was changed, or moved from another row.
    func text(_ column: Int32, _ vault: Vault, _ place: @autoclosure () -> Sealer.Place) throws -> String? {
        guard isBlob(column) else { return text(column) }
        return try withBlob(column) { sealed -> String? in
            do throws(StoreError) { return try vault.open(sealed, at: place()) } catch {
                if case .wrongKey = error, isUnderNoKey(sealed) { throw StoreError.corrupt("the head of a sealed value has changed") }
                throw error
            }
        }
    }

    /// The same for whoever can do without it: nil for what can't be opened.
    func readableText(_ column: Int32, _ vault: Vault, _ place: @autoclosure () -> Sealer.Place) throws -> String? {
        do { return try text(column, vault, place()) } catch let error as StoreError {
            guard case .corrupt = error else { throw error }
            return nil
        }
    }

    /// Whether a value says that it is sealed under a key that the store does not name. It names all that its values may be under; where it
    /// names none, that is what is lost, and not the value.
    private func isUnderNoKey(_ sealed: UnsafeRawBufferPointer) -> Bool {
        guard let id = Sealer.keyID(of: sealed) else { return true }
        let others = "SELECT 1 FROM guardian_seal WHERE NOT EXISTS (SELECT 1 FROM guardian_seal WHERE key_id = ?1) LIMIT 1"
        return connectionFinds(others, id.bytes)
    }
}
