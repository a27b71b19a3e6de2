#if canImport(Security)
    internal import Foundation
    internal import Security

    /// A key in the Keychain of an Apple platform: made at first use, never synchronized, readable after the first unlock, on this device
    /// only.
    public struct KeychainSealKey: SealKeySource {
        /// `kSecAttrService` of the items; `GuardianSync` by default.
        public var service: String
        /// Names of the items, the current key's first. To rotate, put a new name in front and rekey the store.
        public var accounts: [String]

        /// Touches nothing: the Keychain is asked when a store is opened.
        public init(service: String = "GuardianSync", accounts: [String] = ["seal-key"]) {
            self.service = service
            self.accounts = accounts
        }

        public func keyring() throws(SealError) -> SealKeyring {
            guard let first = accounts.first else { throw .noKey("no name of a Keychain item was given") }
            let current = try key(first) ?? make(first)
            var others: [SealKey] = []
            for account in accounts.dropFirst() { if let key = try key(account) { others.append(key) } }
            return SealKeyring(current, others: others)
        }

        private func query(_ account: String) -> [CFString: Any] {
            [
                kSecClass: kSecClassGenericPassword, kSecAttrService: service, kSecAttrAccount: account,
                kSecUseDataProtectionKeychain: true,
            ]
        }

        private func key(_ account: String) throws(SealError) -> SealKey? {
            var query = query(account)
            query[kSecReturnData] = true
            query[kSecMatchLimit] = kSecMatchLimitOne
            var found: CFTypeRef?
            let status = SecItemCopyMatching(query as CFDictionary, &found)
            if status == errSecItemNotFound { return nil }
            guard status == errSecSuccess, let data = found as? Data else {
                throw .noKey("the Keychain item \(account) can't be read (\(status))")
            }
            var bytes = Array(data)
            defer { Wipe.bytes(&bytes) }
            guard let key = bytes.withUnsafeBytes({ SealKey(bytes: $0) }) else { throw .noKey("the Keychain item \(account) is no key") }
            return key
        }

        private func make(_ account: String) throws(SealError) -> SealKey {
            var bytes = [UInt8](repeating: 0, count: SealKey.length)
            defer { Wipe.bytes(&bytes) }
            let made = bytes.withUnsafeMutableBytes { memory in
                memory.baseAddress.map { SecRandomCopyBytes(kSecRandomDefault, memory.count, $0) } ?? errSecParam
            }
            guard made == errSecSuccess else { throw .noKey("no random bytes can be had") }
            var item = query(account)
            item[kSecValueData] = Data(bytes)
            item[kSecAttrAccessible] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
            let status = SecItemAdd(item as CFDictionary, nil)
            // Another process was first: its key is the one.
            if status == errSecDuplicateItem, let key = try key(account) { return key }
            guard status == errSecSuccess, let key = bytes.withUnsafeBytes({ SealKey(bytes: $0) }) else {
                throw .noKey("the Keychain takes no item \(account) (\(status))")
            }
            return key
        }
    }
#endif
