/// Carries one attempt to the upstream and says what came back. Never throws: whatever happens is an ``Outcome``.
///
/// A shutdown cancels the calls under way. Cancellation handlers in them run one after another, and must not wait for anything.
///
/// One that wraps another hands on all of it, ``look(_:token:timeoutMs:)``, ``fetch(_:token:timeoutMs:)``, ``holds`` and ``appVersion``
/// too: each has a default for a transport that has none, and what is forgotten is lost without a word. Without ``gathers`` it is given one
/// operation at a time, which is slower, and what it wraps brings together only those that come close to each other.
public protocol Transport: Sendable {
    /// Looks whether `claim`'s operation has had its effect already, without changing anything (spec section 4, doubt).
    func look(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Look
    /// Gets `claim`'s entity as the upstream has it now, to settle a conflict. Changes nothing.
    func fetch(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Fetch
    /// Sends `claim`'s operation; gives up after `timeoutMs`. `token` is the credential in force, if there is one.
    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome
    /// Whether it would rather be given at once all that is to go out now: that is faster, and it may bring several into one request.
    /// false by default.
    var gathers: Bool { get }
    /// Sends operations of different lines, as the call for one does each; used where ``gathers`` is true. `tell` is to hear the outcome
    /// of each as soon as it is known, by its place in `dispatches`, from any thread: it returns at once. Returns when it has heard all;
    /// one that it has not heard of by then counts as interrupted.
    func send(_ dispatches: [Dispatch], token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void) async
    /// Which of its routes wait by themselves where the upstream asks to wait. Asked once, when an engine is made. One that wraps another
    /// hands on that one's: without, the whole origin waits.
    var holds: HoldRules { get }
    /// The app's version, as the upstream is told it; nil when it is told none. Asked once, when an engine is made. One that wraps another
    /// hands on that one's: without, the pause of a 426 does not end with another version.
    var appVersion: String? { get }
}

extension Transport {
    /// A transport that says nothing of routes makes the whole origin wait.
    public var holds: HoldRules { HoldRules() }

    /// A transport that says nothing of the app.
    public var appVersion: String? { nil }
}

extension Transport {
    /// A transport that can't look can't tell.
    public func look(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Look { .unable }
}

extension Transport {
    /// A transport that can't fetch leaves conflicts to a person.
    public func fetch(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Fetch { .unable }
}

extension Transport {
    /// A transport that sends each by itself.
    public var gathers: Bool { false }

    /// All at once, each by itself.
    public func send(_ dispatches: [Dispatch], token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void) async {
        await withDiscardingTaskGroup { group in
            for (place, dispatch) in dispatches.enumerated() {
                group.addTask { tell(place, await send(dispatch.claim, token: token, timeoutMs: dispatch.timeoutMs)) }
            }
        }
    }
}

/// An operation that is to go out.
public struct Dispatch: Sendable {
    /// The operation, with the fence under which it may be sent.
    public var claim: Claim
    /// Milliseconds that it may be on its way.
    public var timeoutMs: Int64
    /// Headers of the trace in progress, such as `traceparent`, which take the place of the transport's own; none by default.
    public var headers: [(name: String, value: String)]

    /// Without headers of a trace, unless one is in progress.
    public init(claim: Claim, timeoutMs: Int64, headers: [(name: String, value: String)] = []) {
        self.claim = claim
        self.timeoutMs = timeoutMs
        self.headers = headers
    }
}

/// What a fetch at the upstream found.
public enum Fetch: Sendable, Equatable {
    /// What is there, under the app's names, and its ETag; nil when the upstream told none.
    case present(JSONValue, etag: String?)
    /// 404 or 410.
    case gone
    /// The upstream did not answer, or not now.
    case failed(Outcome)

    /// Of a transport that can't fetch.
    public static let unable = Fetch.failed(
        .unsendable(LastError(class: .conflict, code: "NO_FETCH", message: "this transport can't fetch what is there")))
}

/// What a look at the upstream found.
public enum Look: Sendable, Equatable {
    /// The effect is there. With it what the upstream has of the entity, under the app's names, and under which ETag, where it has told.
    case applied(JSONValue? = nil, etag: String? = nil)
    /// It is not, so that sending again does it once.
    case notApplied
    /// It can't be told: a person has to.
    case unclear(String)
    /// The upstream did not answer, or not now. A refusal that asks nobody to wait counts as ``unclear(_:)``, unless a plague is held.
    case failed(Outcome)

    /// Of a transport that can't look.
    public static let unable = Look.unclear("this transport can't look")
}

/// A credential, and whose it is.
public struct Token: Sendable, Equatable, ExpressibleByStringInterpolation {
    /// What goes behind `Bearer`. Never shown: a description of it is `***`.
    public var value: String
    /// Whose operations it may carry beside those of nobody; nil means those of nobody only.
    public var principal: String?
    /// Milliseconds until another should be asked for, because this one is about to end; nil when nobody says.
    public var renewInMs: Int64?

    /// A credential of no principal whose end is not known, unless they are given.
    public init(_ value: String, principal: String? = nil, renewInMs: Int64? = nil) {
        self.value = value
        self.principal = principal
        self.renewInMs = renewInMs
    }

    public init(stringLiteral value: String) { self.init(value) }

    /// The same credential of the same principal, whenever it ends.
    public static func == (one: Token, other: Token) -> Bool { one.value == other.value && one.principal == other.principal }
}

/// Never shows the credential.
extension Token: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "***" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["value": "***", "renewInMs": renewInMs as Any]) }
}

/// An error of a ``TokenProvider`` whose description holds no secret: it is told as it is. Of any other error only the type is told.
public protocol TellableError: Error, CustomStringConvertible {}

/// Where tokens come from.
public protocol TokenProvider: Sendable {
    /// The credential to send, or nil when the upstream wants none. `refresh` asks for another than the last one.
    func token(refresh: Bool) async throws -> Token?
    /// Another user may be signed in, or none (``SyncEngine/tokenChanged()``): a token that was kept before this, or is being got, is not
    /// to be given any more. One that wraps another provider hands it on.
    func loginChanged()
}

extension TokenProvider {
    /// For a provider that keeps no token.
    public func loginChanged() {}
}

/// No credentials.
public struct NoToken: TokenProvider {
    /// For an upstream that asks for none.
    public init() {}
    public func token(refresh: Bool) async throws -> Token? { nil }
}
