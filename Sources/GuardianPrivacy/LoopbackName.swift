/// Names that only the machine itself answers to, so that nobody reads along what is sent to them in clear.
package enum LoopbackName {
    /// `localhost` in any case, `::1`, or an address in 127.0.0.0/8. `127.example.com` is not one.
    package static func isOne(_ host: some StringProtocol) -> Bool {
        let host = host.lowercased()
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
