/// A text that is compared byte by byte, as JSON and the stores do, where `String` takes two spellings of one accented letter as equal.
struct ExactText: Hashable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (one: ExactText, other: ExactText) -> Bool { one.text.utf8.elementsEqual(other.text.utf8) }

    /// The text's own hash: it is the same for the same bytes.
    func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
