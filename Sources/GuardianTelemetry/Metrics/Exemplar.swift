package import GuardianCore

/// One recorded value with the trace that it belongs to: what a person opens to see such a case.
package struct Exemplar: Sendable, Equatable {
    package var traceID: UniqueID
    package var value: Double
    package var at: Timestamp

    package init(traceID: UniqueID, value: Double, at: Timestamp) {
        self.traceID = traceID
        self.value = value
        self.at = at
    }
}
