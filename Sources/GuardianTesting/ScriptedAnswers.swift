import GuardianCore

/// What a ``ScriptedTransport`` has to say to requests of one kind.
struct ScriptedAnswers<Reply: Sendable>: Sendable {
    var otherwise: @Sendable (ScriptedTransport.Attempt) -> Reply
    var next: [Reply] = []
    var ofEntity: [EntityKey: [Reply]] = [:]
    var ofOperation: [OperationID: [Reply]] = [:]

    init(otherwise: @escaping @Sendable (ScriptedTransport.Attempt) -> Reply) { self.otherwise = otherwise }

    /// The answer that is due, which is used up.
    mutating func take(for attempt: ScriptedTransport.Attempt) -> Reply {
        let operation = attempt.operation
        if ofOperation[operation.id]?.isEmpty == false, let first = ofOperation[operation.id]?.removeFirst() { return first }
        if ofEntity[operation.entity]?.isEmpty == false, let first = ofEntity[operation.entity]?.removeFirst() { return first }
        return next.isEmpty ? otherwise(attempt) : next.removeFirst()
    }
}
