extension Ending {
    /// What became of an operation that has left the queue, as the end of a sentence.
    package var explanation: String {
        switch self {
        case .processed: "it was delivered"
        case .merged(let into): "it was folded into operation \(into) before it was sent; ask about that one"
        case .cancelled: "it was cancelled"
        case .expired: "it expired before it was delivered"
        case .cleared: "it had failed, and a person removed it"
        }
    }
}
