public import GuardianCore

/// One recorded value with the trace that it belongs to: what a person opens to see such a case.
public struct Exemplar: Sendable, Equatable {
    public var traceID: UniqueID
    public var value: Double
    public var at: Timestamp

    public init(traceID: UniqueID, value: Double, at: Timestamp) {
        self.traceID = traceID
        self.value = value
        self.at = at
    }
}
