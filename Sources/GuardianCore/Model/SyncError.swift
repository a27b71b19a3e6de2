/// What a caller of the engine can be told went wrong.
public enum SyncError: Error, Sendable, Equatable {
    /// The input breaks a rule: which field, and what it must be.
    case validation(field: String, constraint: String)
    /// No stored operation has that id.
    case notFound(id: String)
    /// The operation is in a state that does not allow this.
    case refused(reason: String)
    /// The store could not do it; nothing was changed.
    case store(StoreError)
}

extension SyncError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .validation(let field, let constraint): "\(field): \(constraint)"
        case .notFound(let id): "no operation \(id) in the queue"
        case .refused(let reason): reason
        case .store(let error): error.description
        }
    }
}
