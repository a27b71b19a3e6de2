/// What the app has shown to its user before the upstream has taken it, and what was there before.
///
/// Register it first, then enqueue its operations with the same `txnToken`: a change may have several, of one entity or more.
public struct OptimisticChange: Sendable, Equatable {
    /// The app's own name of the change, 1–128 bytes; no two open changes share one.
    public var txnToken: String
    /// The entity that the snapshot is of.
    public var entity: EntityKey
    /// What the app showed before the change, a JSON object as text; nil when there was nothing, or when damage to the store's file has
    /// taken it.
    public var original: String?
    /// The token of a change that this one is built on: when that one is rolled back, so is this.
    public var dependsOn: String?

    /// Checked when it is registered, not here.
    public init(txnToken: String, entity: EntityKey, original: String?, dependsOn: String? = nil) {
        self.txnToken = txnToken
        self.entity = entity
        self.original = original
        self.dependsOn = dependsOn
    }
}
