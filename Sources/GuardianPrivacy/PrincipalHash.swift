import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What is stored of a principal: HMAC-SHA256 (RFC 2104) under a salt of the store's own, as 64 hexadecimal digits.
///
/// The same principal gives the same hash in one store, and another in every other store.
public struct PrincipalHash: Sendable {
    private let key: SymmetricKey

    /// `salt` must stay the same as long as the store lives.
    public init(salt: String) { key = SymmetricKey(data: Data(salt.utf8)) }

    /// In small letters, and the same on every machine that has the salt.
    public func callAsFunction(_ principal: String) -> String {
        let digest = HMAC<SHA256>.authenticationCode(for: Data(principal.utf8), using: key)
        return digest.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
