/// What the reference upstream does with API requests, until told otherwise.
public enum UpstreamMode: Sendable, Equatable {
    /// Works, apart from the failures of the failure rate.
    case up
    /// Answers 503 to everything, without effect.
    case down503
    /// Answers with a fixed status, without effect.
    case status(FixedAnswer)
    /// Accepts requests and answers none until the mode changes or the client goes; then the new mode decides.
    case hang
    /// Applies the effect of the next `count` requests (nil: all), keeps the answer, and sends a 500 instead of it.
    case lost(count: Int?)

    /// An answer given whatever was asked.
    public struct FixedAnswer: Sendable, Equatable {
        /// The HTTP status, kept within 200...599.
        public var status: Int
        /// To how many requests; nil is all. Then the mode is `up`.
        public var count: Int?
        /// The `Retry-After` header, word for word: seconds, an HTTP date, or nonsense.
        public var retryAfter: String?
        /// The body, word for word; nil sends the error envelope.
        public var body: String?
        /// The `Content-Type` of the answer. Default `application/json; charset=utf-8`.
        public var contentType: String?
        /// Other headers, such as `Location`; names that are no header names are left out.
        public var headers: [String: String]

        /// An answer of `status` to the next `count` requests, or to all.
        public init(
            _ status: Int, count: Int? = nil, retryAfter: String? = nil, body: String? = nil, contentType: String? = nil,
            headers: [String: String] = [:]
        ) {
            self.status = min(max(status, 200), 599)
            self.count = count
            self.retryAfter = retryAfter
            self.body = body
            self.contentType = contentType
            self.headers = headers
        }
    }
}
