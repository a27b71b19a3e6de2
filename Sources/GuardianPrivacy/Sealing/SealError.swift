/// Why something can't be sealed or opened. Never holds a key or a text.
public enum SealError: Error, Sendable, Equatable, CustomStringConvertible {
    /// No key can be had: what is wrong with the source.
    case noKey(String)
    /// It was sealed under a key that is not among those given: the id of that key.
    case otherKey(SealKey.ID)
    /// It is not what was sealed there: changed, cut, or moved from another row.
    case tampered

    public var description: String {
        switch self {
        case .noKey(let what): what
        case .otherKey(let id): "sealed under key \(id), which is not among those given"
        case .tampered: "it can't be opened: it was changed, or moved from another row"
        }
    }
}
