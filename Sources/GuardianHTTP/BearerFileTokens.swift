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

    public init(path: String) { self.path = path }

    public func token(refresh: Bool) async throws -> String? {
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch { throw Unreadable(path: path) }
        let token = text.filter { !$0.isWhitespace && !$0.isNewline }
        guard !token.isEmpty else { throw Unreadable(path: path) }
        return token
    }
}
