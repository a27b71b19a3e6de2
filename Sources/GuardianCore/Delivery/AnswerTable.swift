/// The table of spec section 4: what an HTTP status means.
public enum AnswerTable {
    /// nil is success. `operationType` matters for deletes: gone is what was asked for. `code` is the body's `error.code`.
    public static func classify(status: Int, operationType: String, code: String? = nil) -> AnswerClass? {
        switch status {
        case 200..<300: return nil
        case 404 where operationType == "delete", 410 where operationType == "delete": return nil
        case 401: return .auth
        case 426: return .upgrade
        case 409 where code == "IDEMPOTENCY_IN_PROGRESS": return .transient
        case 409, 412: return .conflict
        case 408, 425, 429: return .transient
        case 501, 505: return .permanent
        case 300..<500: return .permanent
        default: return .transient
        }
    }
}
