internal import Crypto

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Seals texts with AES-256-GCM, each bound to the one place where it stands: moved to another row, column or store it can't be opened.
///
/// A sealed value is `1 ‖ key id (8) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`; the authenticated data are the store's salt, the kind of value
/// and the row. Nonces are random, which is good for 2^32 values under one key (NIST SP 800-38D section 8.3).
package struct Sealer: Sendable {
    /// Bytes that sealing adds.
    package static let overhead = 37
    /// The first byte, and the key id behind it.
    package static let headLength = 1 + SealKey.ID.length
    private static let version: UInt8 = 1

    /// Random bytes of the store's own.
    package let salt: [UInt8]

    package init(salt: [UInt8]) { self.salt = salt }

    /// Where a value stands.
    package struct Place: Sendable {
        /// The kind of value; never given to another.
        package var kind: UInt8
        /// Which row, by something that never changes as long as it is there.
        package var row: Row

        package enum Row: Sendable {
            case number(Int64)
            case name(String)
        }

        package init(_ kind: UInt8, _ row: Row) {
            self.kind = kind
            self.row = row
        }
    }

    /// The head of values that are sealed under a key.
    package static func head(of id: SealKey.ID) -> [UInt8] { [version] + id.bytes }

    package func seal(_ text: String, under key: SealKey, at place: Place) throws(SealError) -> [UInt8] {
        do {
            var text = text
            return try text.withUTF8 { bytes in
                let box = try AES.GCM.seal(UnsafeRawBufferPointer(bytes), using: key.key, authenticating: authenticated(place))
                var sealed: [UInt8] = []
                sealed.reserveCapacity(bytes.count + Self.overhead)
                sealed.append(Self.version)
                sealed.append(contentsOf: key.id.bytes)
                // Nonce, ciphertext and tag as they stand in the box, in one copy. There is none for nonces of another length only.
                guard let combined = box.combined else { throw SealError.noKey("sealing failed") }
                sealed.append(contentsOf: combined)
                return sealed
            }
        } catch {
            throw .noKey("sealing failed (\(type(of: error)))")
        }
    }

    /// Which key a value needs; nil when it is none of ours.
    package static func keyID(of sealed: UnsafeRawBufferPointer) -> SealKey.ID? {
        guard sealed.count >= overhead, sealed[0] == version else { return nil }
        return SealKey.ID(bytes: sealed[1..<headLength])
    }

    package func open(_ sealed: UnsafeRawBufferPointer, with keys: SealKeyring, at place: Place) throws(SealError) -> String {
        guard let id = Self.keyID(of: sealed) else { throw .tampered }
        guard let key = keys[id] else { throw .otherKey(id) }
        do {
            let box = try AES.GCM.SealedBox(combined: UnsafeRawBufferPointer(rebasing: sealed[Self.headLength...]))
            let plain = try AES.GCM.open(box, using: key.key, authenticating: authenticated(place))
            return String(decoding: plain, as: UTF8.self)
        } catch {
            throw .tampered
        }
    }

    private func authenticated(_ place: Place) -> [UInt8] {
        var bytes = salt
        bytes.append(place.kind)
        switch place.row {
        case .number(let number):
            bytes.append(0)
            withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
        case .name(let name):
            bytes.append(1)
            bytes.append(contentsOf: name.utf8)
        }
        return bytes
    }
}
