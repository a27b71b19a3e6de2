public import GuardianCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A bearer token in a file that is read anew each time, so that whoever rotates it need tell nobody.
public struct BearerFileTokens: TokenProvider {
    public struct Unreadable: Error, CustomStringConvertible {
        public var path: String
        public var description: String { "the token file \(path) can't be read or is empty" }
    }

    public let path: String
    /// A file that says whose token it is; nil when it is nobody's in particular.
    public let principalPath: String?

    public init(path: String, principalPath: String? = nil) {
        self.path = path
        self.principalPath = principalPath
    }

    public func token(refresh: Bool) async throws -> Token? {
        // The principal before and after: a pair that changed in between is read again.
        for _ in 0..<3 {
            let principal = try principalPath.map(Self.word)
            let token = Token(try Self.word(path), principal: principal)
            if try principalPath.map(Self.word) == principal { return token }
        }
        throw Unreadable(path: principalPath ?? path)
    }

    private static func word(_ path: String) throws -> String {
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch { throw Unreadable(path: path) }
        let word = text.filter { !$0.isWhitespace && !$0.isNewline }
        guard !word.isEmpty else { throw Unreadable(path: path) }
        return word
    }
}
