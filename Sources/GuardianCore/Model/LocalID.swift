/// The id that the upstream has given to an entity, as text, and whether its JSON was a number.
package struct ServerID: Sendable, Hashable {
    package var text: String
    /// Payloads that point to the entity then hold a number too.
    package var isNumber: Bool

    package init(_ text: String, isNumber: Bool = false) {
        self.text = text
        self.isNumber = isNumber
    }

    var json: JSONValue { isNumber ? .number(text) : .string(text) }
}

extension Settlement {
    /// The id that the upstream has given to the entity of a create; nil when it has kept the local one.
    package var serverID: ServerID? { assignedID.map { ServerID($0, isNumber: assignedIsNumber) } }
}

extension Operation {
    /// Puts the upstream's id where a field of the payload or of the base holds the local one. All else stays: order of members, texts of
    /// numbers. False when nothing was to change.
    package mutating func rewrite(_ field: String, from local: String, to server: ServerID) -> Bool {
        rewrite([ExactText(field): [ExactText(local): server]])
    }

    /// Lets go of the references whose upstream's id is known, and puts that in the place of the local ones: all of them in one pass, for
    /// there may be as many as a payload holds.
    package mutating func resolveReferences(_ serverID: (EntityKey) throws -> ServerID?) rethrows {
        var known: [ExactText: [ExactText: ServerID]] = [:]
        var left: [Reference] = []
        for reference in references {
            if !reference.isOwn, let server = try serverID(reference.entity) {
                known[ExactText(reference.field), default: [:]][ExactText(reference.entity.id)] = server
            } else {
                left.append(reference)
            }
        }
        guard !known.isEmpty else { return }
        references = left
        _ = rewrite(known)
    }

    /// `ids`: the upstream's, by field and by local id.
    private mutating func rewrite(_ ids: [ExactText: [ExactText: ServerID]]) -> Bool {
        let (newPayload, newBase) = (payload.flatMap { Self.rewritten($0, ids) }, base.flatMap { Self.rewritten($0, ids) })
        payload = newPayload ?? payload
        base = newBase ?? base
        return newPayload != nil || newBase != nil
    }

    /// What is sent under a key never changes: once attempted, it goes on under a key that follows from the old one and the new id, so that
    /// every process and every retelling of the same step finds the same key.
    package mutating func renewKey(for server: ServerID) {
        guard lastAttemptAt != nil else { return }
        idempotencyKey = idempotencyKey.mixed(with: server.text)
        unknownAt = nil
    }

    /// nil when nothing was to change.
    private static func rewritten(_ text: String, _ ids: [ExactText: [ExactText: ServerID]]) -> String? {
        guard var value = JSONValue.reading(text) else { return nil }
        var isChanged = false
        for (field, servers) in ids where value.replaceIDs(at: field.text, with: { servers[ExactText($0)]?.json }) { isChanged = true }
        return isChanged ? value.text : nil
    }
}

extension UniqueID {
    /// A version 4 UUID that follows from this one and `text` (FNV-1a, spread by xoshiro256**).
    package func mixed(with text: String) -> UniqueID {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        var random = Xoshiro256(seed: hash)
        let mask = UniqueID.v4(using: &random)
        return UniqueID(high: (high ^ mask.high) & ~0xF000 | 0x4000, low: (low ^ mask.low) & ~(0b11 << 62) | (0b10 << 62))
    }
}

extension JSONValue {
    /// A text, or a number as it was written.
    private var id: String? {
        switch self {
        case .string(let text), .number(let text): text
        default: nil
        }
    }

    /// The ids at a dotted path; arrays on the way are walked through.
    func ids(at path: String) -> [String] { ids(path.split(separator: ".")[...]).filter { !$0.isEmpty } }

    private func ids(_ path: ArraySlice<Substring>) -> [String] {
        if case .array(let elements) = self { return elements.flatMap { $0.ids(path) } }
        guard let name = path.first else { return id.map { [$0] } ?? [] }
        return (members ?? []).filter { $0.name.utf8.elementsEqual(name.utf8) }.flatMap { $0.value.ids(path.dropFirst()) }
    }

    /// Puts what `value` says in the place of ids at a dotted path. Returns whether there was any.
    mutating func replaceIDs(at path: String, with value: (String) -> JSONValue?) -> Bool {
        replace(path.split(separator: ".")[...], value)
    }

    private mutating func replace(_ path: ArraySlice<Substring>, _ value: (String) -> JSONValue?) -> Bool {
        var isChanged = false
        if case .array(var elements) = self {
            for index in elements.indices where elements[index].replace(path, value) { isChanged = true }
            if isChanged { self = .array(elements) }
        } else if let name = path.first {
            guard case .object(var members) = self else { return false }
            for index in members.indices where members[index].name.utf8.elementsEqual(name.utf8) {
                if members[index].value.replace(path.dropFirst(), value) { isChanged = true }
            }
            if isChanged { self = .object(members) }
        } else if let id, let server = value(id) {
            self = server
            isChanged = true
        }
        return isChanged
    }
}
