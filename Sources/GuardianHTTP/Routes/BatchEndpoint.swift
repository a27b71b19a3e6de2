/// Where an upstream takes several operations in one request, and answers each by itself.
///
/// `POST path` with `{"meta":{…},"operations":[{"method","path","idempotency_key","trace_id","if_match"?,"body":…}]}`, each `body` what
/// would have been sent alone; the answer is
/// `{"meta":{…},"data":{"results":[{"idempotency_key","status","etag"?,"retry_after"?,"body":…}]}}` (with `envelope: none`,
/// `{"results":[…]}`), in any order. Keys are honoured one by one, so an operation may come again alone or in other company.
public struct BatchEndpoint: Sendable, Hashable {
    /// Operations in one request, ever.
    public static let largest = 1000
    /// Milliseconds that anybody waits for others, ever: a minute.
    static let longestLingerMs: Int64 = 60_000
    /// Bytes of bodies in one request; an operation that is larger goes alone.
    static let bytes = 1 << 20

    /// Such as `/api/v1/batch`; without parameters.
    public var path: String
    /// Operations in one request at most; 50 by default, 2…1000. There are never more than the engine has workers.
    public var size: Int
    /// Milliseconds that the first waits for others; 2 by default, 0…60 000.
    public var lingerMs: Int64

    /// Checks nothing: a transport whose routes name it does.
    public init(path: String, size: Int = 50, lingerMs: Int64 = 2) {
        self.path = path
        self.size = size
        self.lingerMs = lingerMs
    }

    /// Whether path, size and linger are within their limits.
    package var isUsable: Bool {
        path.hasPrefix("/") && !path.contains("{") && path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
            && (2...Self.largest).contains(size) && (0...Self.longestLingerMs).contains(lingerMs)
    }
}
