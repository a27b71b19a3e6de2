/// A text that is never shown: descriptions, dumps and mirrors of it, and of whatever holds it, say `***`.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What is shown in a secret's place.
    public static let mask = "***"

    /// The text itself.
    public let text: String

    /// Takes the text as it is: nothing is trimmed.
    public init(_ text: String) { self.text = text }

    public var description: String { Self.mask }
    public var debugDescription: String { Self.mask }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
