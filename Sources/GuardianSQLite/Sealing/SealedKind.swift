internal import GuardianPrivacy

/// What is sealed at rest, and to what each value is bound. The numbers are stored (authenticated with each value): one is never given anew.
enum SealedKind: UInt8 {
    /// Of an operation, bound to its `seq`.
    case payload = 1
    case base = 2
    case errorMessage = 3
    case conflictState = 4
    /// Of an entity, bound to its line.
    case entityState = 5
    /// Of an optimistic change and of its ending, bound to the token.
    case original = 6
    case endingState = 7
    case endingError = 8
    /// The answer that the ledger keeps, bound to the operation's `seq`.
    case answer = 9
    /// Of an entity, bound to its line: what orders statements about it, with a state that was passed over.
    case entityMarks = 10

    func at(_ number: Int64) -> Sealer.Place { Sealer.Place(rawValue, .number(number)) }
    func at(_ name: String) -> Sealer.Place { Sealer.Place(rawValue, .name(name)) }
}

/// A text as it is stored.
enum Stored {
    case nothing
    case clear(String)
    case sealed([UInt8])
}
