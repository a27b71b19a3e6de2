#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension SecurityUtils {
    /// Whether each of `pins` is `sha256/` and the base64 of 32 bytes, and there is one at least. See ``certificatePinProblems(_:)``.
    public static func validateCertificatePins(_ pins: [String]) -> Bool { !pins.isEmpty && pins.allSatisfy(isCertificatePin) }

    /// What is wrong with `pins`, or unwise about them, in words; empty when nothing is. One pin alone is valid and unwise: without a
    /// backup an app is locked out on the day the certificate's key changes.
    public static func certificatePinProblems(_ pins: [String]) -> [String] {
        guard !pins.isEmpty else { return ["there are no pins"] }
        var problems = pins.enumerated().filter { !isCertificatePin($0.element) }.map {
            "pin \($0.offset + 1): must be sha256/ and the base64 of 32 bytes"
        }
        if Set(pins).count < pins.count { problems.append("a pin stands there twice") }
        if Set(pins).count == 1 { problems.append("there is no backup pin; add one of a key that is kept elsewhere") }
        return problems
    }

    private static func isCertificatePin(_ pin: String) -> Bool {
        guard pin.hasPrefix("sha256/"), pin.utf8.count == 51 else { return false }
        return Data(base64Encoded: String(pin.dropFirst(7)))?.count == 32
    }
}
