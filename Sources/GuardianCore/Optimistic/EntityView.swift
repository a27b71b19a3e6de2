/// All that a store knows of one entity, read in one transaction.
public struct EntityView: Sendable, Equatable {
    /// Operations of one entity that are read at most.
    public static let mostOperations = 10_000

    /// What the upstream has told of it last.
    public var server: ServerState?
    /// The snapshot of its oldest open optimistic change; nil when there is no such change, or nothing was there before it.
    public var original: String?
    /// All that are stored, in `seq` order.
    public var operations: [Operation]
    /// Those of them whose effect a feed has told of already: the state has it, and maybe what others wrote after it.
    public var reached: Set<OperationID> = []

    /// For whoever implements a store; ``reached`` is set afterwards.
    public init(server: ServerState? = nil, original: String? = nil, operations: [Operation] = []) {
        self.server = server
        self.original = original
        self.operations = operations
    }

    /// As a store finds it.
    package init(_ knowledge: EntityKnowledge, original: String?, operations: [Operation]) {
        self.init(server: knowledge.server, original: original, operations: operations)
        reached = Set(operations.filter { knowledge.hasReached($0) }.map(\.id))
    }

    /// The last state known of the server: what it told; else what the app had before its oldest change, or its oldest edit; else nothing.
    public var lastKnown: JSONValue? {
        if let server {
            if server.isGone { return nil }
            if let state = server.state { return JSONValue.reading(state) }
        }
        return JSONValue.reading(original ?? operations.first { $0.status != .failed }?.base)
    }

    /// What the user should see.
    public var overlay: Overlay { .replay(server: lastKnown, operations: operations, reached: reached) }
}

/// What an entity has become at the upstream, as somebody there tells it: a push channel, a poll, another device.
public struct RemoteState: Sendable, Equatable {
    /// Under the upstream's id or the local one: a store finds it by either.
    public var entity: EntityKey
    /// What it is now, or that it is gone. Without a state the known one stays, under the new ETag.
    public var server: ServerState
    /// The entity's version after the change, as a feed tells it beside the state; of a delete, the last one there was.
    public var version: Int64?
    /// The idempotency key of the request that made the change, where it is told: how a writer knows its own.
    public var key: UniqueID?

    /// Without a version it is taken for newer than what is known, unless its state, its ETag or its key says otherwise.
    public init(_ entity: EntityKey, _ server: ServerState, version: Int64? = nil, key: UniqueID? = nil) {
        self.entity = entity
        self.server = server
        self.version = version
        self.key = key
    }
}

extension ServerState {
    /// Whether both states have a numeric member `version`, and this one's is the smaller.
    package func isOlder(than other: ServerState) -> Bool {
        guard let own = version, let others = other.version else { return false }
        return own < others
    }

    private var version: ExactDecimal? {
        guard case .number(let text) = JSONValue.reading(state)?["version"] else { return nil }
        return ExactDecimal(text)
    }

    /// This state after an operation that the upstream took and said nothing of; nil when it is not known.
    package func after(_ operation: Operation) -> ServerState? {
        guard state != nil || isGone, ["create", "update", "delete"].contains(operation.type) else { return nil }
        // All of its payload has reached the upstream, not only what its user has changed.
        var sent = operation
        sent.base = nil
        let next = Overlay.apply(sent, to: JSONValue.reading(state))
        return ServerState(state: next?.text, etag: etag, isGone: next == nil)
    }
}
