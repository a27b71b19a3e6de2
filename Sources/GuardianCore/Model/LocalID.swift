/// The id that the upstream has given to an entity, as text, and whether its JSON was a number.
public struct ServerID: Sendable, Hashable {
    public var text: String
    /// Payloads that point to the entity then hold a number too.
    public var isNumber: Bool

    public init(_ text: String, isNumber: Bool = false) {
        self.text = text
        self.isNumber = isNumber
    }

    var json: JSONValue { isNumber ? .number(text) : .string(text) }
}

extension Settlement {
    /// The id that the upstream has given to the entity of a create; nil when it has kept the local one.
    public var serverID: ServerID? { assignedID.map { ServerID($0, isNumber: assignedIsNumber) } }
}

extension Operation {
    /// Puts the upstream's id where a field of the payload or of the base holds the local one. All else stays: order of members, texts of
    /// numbers. False when nothing was to change.
    public mutating func rewrite(_ field: String, from local: String, to server: ServerID) -> Bool {
        let (newPayload, newBase) = (
            payload.flatMap { Self.rewritten($0, field, local, server) }, base.flatMap { Self.rewritten($0, field, local, server) }
        )
        payload = newPayload ?? payload
        base = newBase ?? base
        return newPayload != nil || newBase != nil
    }

    /// What is sent under a key never changes: once attempted, it goes on under a key that follows from the old one and the new id, so that
    /// every process and every retelling of the same step finds the same key.
    public mutating func renewKey(for server: ServerID) {
        guard lastAttemptAt != nil else { return }
        idempotencyKey = idempotencyKey.mixed(with: server.text)
        unknownAt = nil
    }

    private static func rewritten(_ text: String, _ field: String, _ local: String, _ server: ServerID) -> String? {
        do {
            return try JSONValue(parsing: text).replacing(local, with: server.json, at: field).map(\.text)
        } catch { return nil }
    }
}

extension UniqueID {
    /// A version 4 UUID that follows from this one and `text` (FNV-1a, spread by xoshiro256**).
    public func mixed(with text: String) -> UniqueID {
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
        return (members ?? []).filter { $0.name == name }.flatMap { $0.value.ids(path.dropFirst()) }
    }

    /// With `value` wherever `id` stands at a dotted path; nil when it stands nowhere.
    func replacing(_ id: String, with value: JSONValue, at path: String) -> JSONValue? {
        var copy = self
        // Not `nil`: that literal could be read as the JSON null.
        guard copy.replace(id, value, path.split(separator: ".")[...]) else { return Optional.none }
        return copy
    }

    private mutating func replace(_ wanted: String, _ value: JSONValue, _ path: ArraySlice<Substring>) -> Bool {
        var isChanged = false
        if case .array(var elements) = self {
            for index in elements.indices where elements[index].replace(wanted, value, path) { isChanged = true }
            if isChanged { self = .array(elements) }
        } else if let name = path.first {
            guard case .object(var members) = self else { return false }
            for index in members.indices where members[index].name == name {
                if members[index].value.replace(wanted, value, path.dropFirst()) { isChanged = true }
            }
            if isChanged { self = .object(members) }
        } else if id == wanted {
            self = value
            isChanged = true
        }
        return isChanged
    }
}
