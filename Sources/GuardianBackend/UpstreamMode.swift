/// What the upstream does with API requests until told otherwise: one mode at a time.
///
/// `remaining` is how many requests the mode still strikes; then the upstream is `up` again. nil is until the mode changes. A share is
/// in `0…1`, drawn from the seed. All but `status` strike reads (GET) too.
public enum UpstreamMode: Sendable, Equatable {
    /// Works.
    case up
    /// Answers `status` without effect. With a `body` it says exactly that, as `contentType`, and echoes no trace.
    case status(Int, remaining: Int?, retryAfter: String?, body: String?, contentType: String?)
    /// Someone else answers, without effect.
    case portal(Stranger, remaining: Int? = nil)
    /// Answers `status` to a share of requests, without effect.
    case gateway(status: Int, share: Double = 1, remaining: Int? = nil)
    /// Does its work, then closes the connection: the lost answer.
    case drop(share: Double = 1, remaining: Int? = nil)
    /// Closes the connection without effect.
    case dropBefore(share: Double = 1, remaining: Int? = nil)
    /// Takes so many requests a second, a second's worth at once at most; answers 429 with `Retry-After: 1` above it.
    case rate(perSecond: Double)
    /// Refuses with `status` what goes to one of these paths, and creates whose payload id makes one of them; the rest works.
    case poison(entities: Set<String>, status: Int)
    /// Answers 401 to whoever sends no token of `/oauth/token` that is in force; the rest works.
    case auth

    var remaining: Int? {
        switch self {
        case .up, .rate, .poison, .auth: nil
        case .status(_, let remaining, _, _, _), .portal(_, let remaining), .gateway(_, _, let remaining), .drop(_, let remaining),
            .dropBefore(_, let remaining):
            remaining
        }
    }
}

extension UpstreamMode {
    /// Who answers in the upstream's place. None of them knows the envelope or the trace.
    public enum Stranger: Sendable, Equatable {
        /// 200 with a login page.
        case html
        /// 302 to another origin.
        case redirect(location: String)
        /// 511 with a login page.
        case loginRequired
        /// 200 with JSON that is no envelope, `Via: 1.1 edge-7`.
        case proxyJSON
        /// 502 with a page.
        case proxyError

        /// Where `redirect` leads when nothing else is said.
        public static let loginLocation = "http://127.0.0.1:1/login"

        var page: Page {
            let login = "<!DOCTYPE html><html><head><title>Log in</title></head><body><form method=\"post\">Log in</form></body></html>"
            switch self {
            case .html: return Page(status: 200, contentType: "text/html; charset=utf-8", body: login)
            case .redirect(let location):
                return Page(status: 302, contentType: "text/html; charset=utf-8", body: login, fields: ["Location": location])
            case .loginRequired: return Page(status: 511, contentType: "text/html; charset=utf-8", body: login)
            case .proxyJSON:
                let body = #"{"status":"ok","proxy":"edge-7"}"#
                return Page(status: 200, contentType: "application/json", body: body, fields: ["Via": "1.1 edge-7"])
            case .proxyError:
                let body = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
                return Page(status: 502, contentType: "text/html", body: body)
            }
        }
    }
}

/// An answer in someone's own words, sent as it is.
struct Page {
    var status: Int
    var contentType: String
    var body: String
    var fields: [String: String] = [:]
}
