/// A durable count of what became of attempts, for metrics that survive a restart.
///
/// Kept in the transactions that settle, beside the books: a crash loses or doubles none. Rows are bounded: after
/// ``mostLabels`` sets of labels of a kind, everything else is counted under ``Labels/rest``.
public struct Tally: Sendable, Equatable {
    /// Sets of labels of one kind that are told apart, at most; first come, first served.
    public static let mostLabels = 100

    /// What is counted. The raw values are stored.
    public enum Kind: Int, Sendable, CaseIterable {
        /// The upstream has it, or has what it asked for.
        case processed = 0
        /// Given up on, ever: also those that were retried, cancelled or cleared later.
        case failed = 1
        /// Put off until later.
        case backoff = 2
        /// An outcome of an attempt after the first.
        case retry = 3
    }

    /// What is counted apart.
    public struct Labels: Sendable, Hashable {
        /// The operation's own, or `other`.
        public var operationType: String
        /// The entity's own, or `other`.
        public var entityType: String
        /// Of failures; empty for the rest.
        public var errorClass: String

        /// As the operation has them; too many are brought together by the store.
        public init(operationType: String, entityType: String, errorClass: String = "") {
            self.operationType = operationType
            self.entityType = entityType
            self.errorClass = errorClass
        }

        /// What stands for these once there are too many: only the class of the error is told apart.
        public var rest: Labels { Labels(operationType: "other", entityType: "other", errorClass: errorClass) }
        /// Of what is not told apart.
        public static let other = Labels(operationType: "other", entityType: "other")
        /// Of failures whose operation nobody named.
        public static func other(_ errorClass: ErrorClass) -> Labels {
            Labels(operationType: "other", entityType: "other", errorClass: errorClass.rawValue)
        }
    }

    /// One operation may count in several: a failure after a retry is `failed` and `retry`.
    public var kind: Kind
    /// Of whose these are.
    public var labels: Labels
    /// Since the store was made; never falls.
    public var count: Int64

    /// For whoever implements a store.
    public init(_ kind: Kind, labels: Labels, count: Int64) {
        self.kind = kind
        self.labels = labels
        self.count = count
    }
}
