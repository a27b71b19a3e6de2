public import GuardianCore

extension Outcome {
    /// The outcome of an answer with this HTTP status, by the same table as the real transport's.
    ///
    /// `retryAfterMs` is what `Retry-After` asked for, in milliseconds; nil, the default, when there was none. `code` and `message` stand
    /// for those of the error in the body. `operationType` matters for deletes, which take 404 and 410 for success; `update` by default.
    public static func status(
        _ status: Int, retryAfterMs: Int64? = nil, code: String? = nil, message: String? = nil, operationType: String = "update"
    ) -> Outcome {
        let answer = Answer(status: status, code: code, message: message, retryAfterMs: retryAfterMs)
        guard let kind = AnswerTable.classify(status: status, operationType: operationType, code: code) else { return .accepted(answer) }
        return .refused(kind, answer)
    }
}
