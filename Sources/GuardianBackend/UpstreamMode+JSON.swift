extension UpstreamMode {
    /// Reads the body of `PUT /_mode`, such as `{"mode":"gateway","status":403,"share":0.5,"count":10}`.
    init(_ fields: inout Fields) throws(BadField) {
        switch try fields.text("mode") {
        case "up": self = .up
        case "status":
            guard let status = try fields.whole("status", in: 100...599) else { throw BadField("status", "must be there") }
            self = .status(
                status, remaining: try fields.count(), retryAfter: try fields.text("retry_after"), body: try fields.text("body"),
                contentType: try fields.text("content_type"))
        case "portal": self = .portal(try Stranger(&fields), remaining: try fields.count())
        case "gateway":
            let status = try fields.whole("status", in: 200...599) ?? 403
            self = .gateway(status: status, share: try fields.share(), remaining: try fields.count())
        case "drop": self = .drop(share: try fields.share(), remaining: try fields.count())
        case "drop_before": self = .dropBefore(share: try fields.share(), remaining: try fields.count())
        case "rate":
            guard let rate = try fields.number("per_second", in: 0.001...1e9) else { throw BadField("per_second", "must be there") }
            self = .rate(perSecond: rate)
        case "auth": self = .auth
        case "poison":
            guard let entities = try fields.texts("entities"), !entities.isEmpty else {
                throw BadField("entities", "must be a list of paths such as /api/v1/rooms/r7")
            }
            self = .poison(entities: Set(entities), status: try fields.whole("status", in: 200...599) ?? 422)
        default:
            throw BadField("mode", "must be one of up, status, portal, gateway, drop, drop_before, rate, poison, auth")
        }
    }
}

extension UpstreamMode.Stranger {
    fileprivate init(_ fields: inout Fields) throws(BadField) {
        switch try fields.text("kind") {
        case "html": self = .html
        case "redirect": self = .redirect(location: try fields.text("location") ?? Self.loginLocation)
        case "511": self = .loginRequired
        case "proxy_json": self = .proxyJSON
        case "proxy_error": self = .proxyError
        default: throw BadField("kind", "must be one of html, redirect, 511, proxy_json, proxy_error")
        }
    }
}

extension Fields {
    fileprivate mutating func count() throws(BadField) -> Int? { try whole("count", in: 1...Int(Int32.max)) }
    fileprivate mutating func share() throws(BadField) -> Double { try number("share", in: 0...1) ?? 1 }
}
