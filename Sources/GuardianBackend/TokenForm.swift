import Foundation
import HTTPTypes

/// A token request as it was sent: the form, and who the client says it is (RFC 6749 sections 2.3.1, 4.4.2 and 6).
struct TokenForm {
    /// What makes it no token request at all.
    struct Defect: Error { var description: String }

    var grantType: String
    var refreshToken: String?
    var scope: String?
    var clientID = ""
    var clientSecret: String?
    /// Whether the client named itself with Basic.
    var isBasic = false

    init(body: String, contentType: String?, authorization: String?) throws(Defect) {
        guard contentType?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true else {
            throw Defect(description: "the body must be application/x-www-form-urlencoded")
        }
        var fields: [String: String] = [:]
        for pair in body.split(separator: "&") {
            let name = pair.prefix { $0 != "=" }
            guard let key = Self.decoded(name), let value = Self.decoded(pair.dropFirst(name.count + 1)) else {
                throw Defect(description: "the form is not encoded as one")
            }
            guard fields.updateValue(value, forKey: key) == nil else { throw Defect(description: "\(key) is there twice") }
        }
        guard let grantType = fields["grant_type"] else { throw Defect(description: "grant_type is missing") }
        self.grantType = grantType
        refreshToken = fields["refresh_token"]
        scope = fields["scope"]
        if let authorization {
            guard authorization.lowercased().hasPrefix("basic "), let data = Data(base64Encoded: String(authorization.dropFirst(6))) else {
                throw Defect(description: "Authorization must be Basic")
            }
            guard fields["client_secret"] == nil else { throw Defect(description: "the client names itself twice") }
            let pair = String(decoding: data, as: UTF8.self)
            let id = pair.prefix { $0 != ":" }
            (clientID, isBasic) = (Self.decoded(id) ?? "", true)
            clientSecret = Self.decoded(pair.dropFirst(id.count + 1))
        } else {
            clientID = fields["client_id"] ?? ""
            clientSecret = fields["client_secret"]
        }
    }

    private static func decoded(_ text: Substring) -> String? { text.replacing("+", with: " ").removingPercentEncoding }
}
