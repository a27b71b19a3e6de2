/// Brings the payload of one version of an entity to a newer one, so that what an old build has queued is delivered by a new one.
///
/// It may run more than once for the same operation, on any processor: the same payload must always give the same result.
public struct Upcaster: Sendable {
    /// Stands for every entity type; an entity's own caster from the same version goes before it.
    public static let everyEntity = "*"

    /// An entity type, or ``everyEntity``.
    public let entity: String
    /// The version that it takes; 1 or more.
    public let from: Int
    /// The version that it gives; greater than ``from``.
    public let to: Int
    /// The newer payload, which must be an object. What it throws ends the operation in `failed`, with the error's words.
    public let cast: @Sendable (JSONValue) throws -> JSONValue

    /// Checked by ``Upcasters/init(_:)``, not here.
    public init(entity: String, from: Int, to: Int, cast: @escaping @Sendable (JSONValue) throws -> JSONValue) {
        self.entity = entity
        self.from = from
        self.to = to
        self.cast = cast
    }
}
