/// `application/x-www-form-urlencoded` as RFC 6749 appendix B has it.
enum FormEncoding {
    static func body(_ fields: [(String, String)]) -> String {
        fields.map { encoded($0) + "=" + encoded($1) }.joined(separator: "&")
    }

    static func encoded(_ text: String) -> String {
        PercentEncoding.encoded(text, keeping: "-._* ").split(separator: " ", omittingEmptySubsequences: false).joined(separator: "+")
    }
}
