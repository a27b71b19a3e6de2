/// The text of a statement of the hot path; its identity finds the prepared one without hashing the text.
final class SQL: Sendable {
    let text: String
    init(_ text: String) { self.text = text }

    /// `?1, ?2, …`
    static func places(_ numbers: ClosedRange<Int>) -> String { numbers.map { "?\($0)" }.joined(separator: ", ") }
}
