/// The name of an operation: a UUIDv7 by default, or 1–128 printable ASCII characters of the caller's.
public enum OperationID: Sendable, Hashable {
    /// A canonical lower-case UUID, kept as 16 bytes.
    case uuid(UniqueID)
    /// Any other name.
    case text(String)

    /// Characters of a caller's id, each of them one byte.
    public static let maximumLength = 128

    /// Reads an id; nil when it is empty, longer than 128 characters, or has anything but printable ASCII (0x21–0x7E).
    public init?(_ text: String) {
        if let uuid = UniqueID(text) {
            self = .uuid(uuid)
            return
        }
        guard (1...Self.maximumLength).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        self = .text(text)
    }
}

extension OperationID: CustomStringConvertible {
    public var description: String {
        switch self {
        case .uuid(let uuid): uuid.description
        case .text(let text): text
        }
    }
}
