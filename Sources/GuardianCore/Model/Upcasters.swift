/// The casters of one build, by entity type and version. Pure: it only says what an operation becomes.
///
/// An entity's chain is made of its own casters and, where it has none from a version, of those for every entity.
public struct Upcasters: Sendable {
    /// What becomes of an operation before it is sent.
    package enum Cast: Sendable, Equatable {
        /// It is sent as it stands.
        case upToDate
        /// It is to be stored with this payload, base and version, then sent. The base is nil when it has none, or none that can be cast.
        case changed(payload: String, base: String? = nil, schemaVersion: Int)
        /// It can't be sent by this build: why, under the code `UPCAST_FAILED` or `SCHEMA_TOO_NEW`.
        case impossible(LastError)
    }

    /// Casters at most.
    public static let most = 1000
    /// Bytes of a payload, and of a base, after its cast at most; 1 MiB by default. An engine sets it to its ``Limits/payloadBytes``.
    package var payloadBytes = Limits().payloadBytes

    /// The code of an operation whose payload is of a newer version than this build knows.
    static let tooNew = "SCHEMA_TOO_NEW"

    private var casters: [String: [Int: Upcaster]] = [:]
    private var newest: [String: Int] = [:]

    /// No casters: every operation is up to date.
    public init() {}

    /// Throws ``SyncError/validation(field:constraint:)`` for the first caster that is wrong, or the second from one version of one entity.
    public init(_ list: [Upcaster]) throws(SyncError) {
        guard list.count <= Self.most else {
            throw .validation(field: "upcasters", constraint: "has \(list.count) casters; at most \(Self.most) are allowed")
        }
        for (index, caster) in list.enumerated() {
            func wrong(_ name: String, _ constraint: String) -> SyncError {
                .validation(field: "upcasters[\(index)].\(name)", constraint: constraint)
            }
            let entity = caster.entity
            guard entity == Upcaster.everyEntity || Self.isEntityType(entity) else {
                throw wrong("entity", "must match [A-Za-z0-9_-]{1,64}, or be * for every entity")
            }
            guard caster.from >= 1 else { throw wrong("from", "must be 1 or more") }
            guard caster.to > caster.from, caster.to <= Int(Int32.max) else {
                throw wrong("to", "must be greater than from, and \(Int32.max) at most")
            }
            guard casters[entity]?[caster.from] == nil else {
                throw wrong("from", "there is a caster of \(entity) from version \(caster.from) already")
            }
            casters[entity, default: [:]][caster.from] = caster
            newest[entity] = max(newest[entity] ?? 1, caster.to)
        }
    }

    private static func isEntityType(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 95
            }
    }

    /// The version that this build sends; 1 when the entity has no casters.
    package func current(for entityType: String) -> Int { newestVersion(of: entityType) ?? 1 }

    /// Walks the chain from the operation's version to the current one, with the payload and with the base.
    /// An entity without casters is up to date whatever its version, and so is a delete without a payload.
    ///
    /// `needsBase` says that a base that can't be cast makes the whole impossible, as a merge without it would write over what others have
    /// changed; true by default. Otherwise the operation goes on without its base.
    package func cast(_ operation: Operation, needsBase: Bool = true) -> Cast {
        let (entity, version) = (operation.entity.type, operation.schemaVersion)
        guard let current = newestVersion(of: entity), let payload = operation.payload, version != current else { return .upToDate }
        guard version < current else {
            let message = "\(entity): version \(version) is of a newer build, this one knows version \(current); upgrade, then retry it"
            return .impossible(LastError(class: .permanent, code: Self.tooNew, message: message))
        }
        do throws(Broken) {
            let cast = try walk(payload, "payload", entity, from: version, to: current)
            return .changed(payload: cast, base: try base(of: operation, isNeeded: needsBase, to: current), schemaVersion: current)
        } catch {
            let message = "\(entity): version \(version) can't become version \(current): \(error.reason)"
            return .impossible(LastError(class: .permanent, code: "UPCAST_FAILED", message: message))
        }
    }

    /// Why a chain does not reach its end.
    private struct Broken: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    private func newestVersion(of entity: String) -> Int? {
        guard let common = newest[Upcaster.everyEntity] else { return newest[entity] }
        return max(common, newest[entity] ?? 1)
    }

    private func base(of operation: Operation, isNeeded: Bool, to current: Int) throws(Broken) -> String? {
        guard let base = operation.base else { return nil }
        do throws(Broken) {
            return try walk(base, "base", operation.entity.type, from: operation.schemaVersion, to: current)
        } catch {
            guard isNeeded else { return nil }
            throw Broken("its base, without which a merge would write over what others have changed: \(error.reason)")
        }
    }

    /// `name` is what messages call the text.
    private func walk(_ text: String, _ name: String, _ entity: String, from first: Int, to current: Int) throws(Broken) -> String {
        var value: JSONValue
        do throws(JSONScanner.Defect) { value = try JSONValue(parsing: text) } catch {
            throw Broken("the \(name) \(error.constraint) (at byte \(error.offset))")
        }
        var version = first
        while version < current {
            guard let caster = casters[entity]?[version] ?? casters[Upcaster.everyEntity]?[version] else {
                throw Broken("there is no caster from version \(version)")
            }
            do { value = try caster.cast(value) } catch {
                throw Broken("the caster from version \(version) to \(caster.to) says: \(error)")
            }
            guard case .object = value else { throw Broken("the caster from version \(version) to \(caster.to) gave no JSON object") }
            version = caster.to
        }
        let cast = value.text
        guard cast.utf8.count <= payloadBytes else {
            throw Broken("the \(name) would be \(cast.utf8.count) bytes long; at most \(payloadBytes) are allowed")
        }
        // A caster in code can nest too deep, or make a number that is none.
        do throws(JSONScanner.Defect) { try JSONScanner.checkObject(cast) } catch {
            throw Broken("the \(name) would be wrong: it \(error.constraint) (at byte \(error.offset))")
        }
        return cast
    }
}

extension Upcasters: Equatable {
    /// Whether both have casters from and to the same versions; what a caster does can't be compared.
    public static func == (one: Upcasters, other: Upcasters) -> Bool { one.versions == other.versions }

    private var versions: [String: [Int: Int]] { casters.mapValues { $0.mapValues(\.to) } }
}
