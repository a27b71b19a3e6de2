/// What stands in the place of what was taken out.
enum RedactionMark {
    static let secret: StaticString = "[REDACTED]"
    static let email: StaticString = "[REDACTED_EMAIL]"
    static let phone: StaticString = "[REDACTED_PHONE]"
    static let card: StaticString = "[REDACTED_CC]"
    static let socialSecurity: StaticString = "[REDACTED_SSN]"
    static let iban: StaticString = "[REDACTED_IBAN]"
    static let key: StaticString = "[REDACTED_KEY]"
    static let token: StaticString = "[REDACTED_TOKEN]"

    /// How each of them begins: what begins so was redacted before, and stays.
    static let start: StaticString = "[REDACTED"
}

extension StaticString {
    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}
