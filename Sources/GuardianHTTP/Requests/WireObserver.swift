public import GuardianCore

/// Hears of each request that is made for an operation, be it to deliver it or to look what is there, and of each answer, for logs. Called
/// while a request is made: must return at once.
///
/// What it gets is as it is on the wire, credentials included: it is the observer's to make it fit for eyes. A body that goes compressed
/// is told as it was before, and what goes in a batch for each operation by itself.
public protocol WireObserver: Sendable {
    /// Whether anybody wants to know; asked first, for telling costs a copy of headers and body.
    var isListening: Bool { get }
    /// Before a request; again when it follows a redirect, or goes without compression after all. Of a batch it is told for each of its
    /// operations, with the body that it would have alone, and the method, path and headers of the whole.
    func sent(_ message: WireMessage, of operation: Operation)
    /// When the answer has come whole, `afterMs` after its request; not called where none comes. Of a batch it is told for each of its
    /// operations, with that one's result and its status; with the whole where there is none for it.
    func answered(_ message: WireMessage, status: Int, afterMs: Int64, to operation: Operation)
    /// The upstream, named by its URL, takes no compressed bodies, as an answer with this status has shown; they go as they are from now
    /// on. Told once by a transport, whether anybody listens or not.
    func compressionRefused(by upstream: String, status: Int)
}

extension WireObserver {
    /// Does nothing.
    public func compressionRefused(by upstream: String, status: Int) {}
}

/// Headers and body of a request or an answer.
public struct WireMessage: Sendable {
    /// Of the request, in the message of an answer too.
    public var method: String
    /// Path and query, as sent.
    public var path: String
    /// In the order of the wire. Credentials are in it, and a name may come more than once.
    public var headers: [(name: String, value: String)]
    /// As text, in which bytes that are no UTF-8 are replaced.
    public var body: String

    /// For tests of an observer: a transport makes its own.
    public init(method: String, path: String, headers: [(name: String, value: String)], body: String) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
    }
}
