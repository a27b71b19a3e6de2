/// Tokens and keys that show by their beginning what they are.
final class SecretShapes: Sendable {
    enum Body { case alphanumeric, url, hex, capitals, token }

    /// One kind of key: how it begins, what follows, and how much of that at least.
    struct Shape: Sendable {
        let prefix: StaticString
        let body: Body
        let least: Int
        /// Words can begin so too: the body needs a digit.
        let needsDigit: Bool
        /// What hangs on a prefix (`cache-key-…`) is often something else.
        let isWeak: Bool
    }

    static let standard = SecretShapes()

    /// Shapes by the number that `starts` has for their first two bytes.
    private let groups: [[Shape]]
    /// For each pair of first bytes: 0 when nothing begins so, otherwise 1 and more. Never freed: it lives as long as the process.
    nonisolated(unsafe) private let starts: UnsafePointer<UInt8>

    @inline(__always)
    func mayBegin(_ first: UInt8, _ second: UInt8) -> Bool { starts[Int(first) << 8 | Int(second)] != 0 }

    /// As ``mayBegin(_:_:)``, for keys alone.
    @inline(__always)
    func hasKeys(_ first: UInt8, _ second: UInt8) -> Bool { starts[Int(first) << 8 | Int(second)] > 1 }

    /// What may begin with these two bytes.
    func shapes(_ first: UInt8, _ second: UInt8) -> [Shape] { groups[Int(starts[Int(first) << 8 | Int(second)])] }

    private init() {
        var groups: [[Shape]] = [[], []]
        let starts = UnsafeMutablePointer<UInt8>.allocate(capacity: 65536)
        starts.initialize(repeating: 0, count: 65536)
        for shape in Self.list + Self.services + Self.others {
            let pair = Int(shape.prefix.utf8Start[0]) << 8 | Int(shape.prefix.utf8Start[1])
            if starts[pair] == 0 {
                starts[pair] = UInt8(groups.count)
                groups.append([])
            }
            groups[Int(starts[pair])].append(shape)
        }
        // Words that are looked at without a shape: `bearer`, `basic`, `BEGIN`, `bot`, the letters of a country before an IBAN's digits.
        func mark(_ pair: Int) { if starts[pair] == 0 { starts[pair] = 1 } }
        // And `[REDACTED]`, of an earlier pass.
        for word: StaticString in ["be", "Be", "BE", "ba", "Ba", "BA", "bo", "ey", "RE"] {
            mark(Int(word.utf8Start[0]) << 8 | Int(word.utf8Start[1]))
        }
        for country in BankAccount.lengths.keys {
            mark(Int(country))
            mark(Int(country | 0x2020))
        }
        (self.groups, self.starts) = (groups, UnsafePointer(starts))
    }

    private static func shape(_ prefix: StaticString, _ body: Body, _ least: Int, digit: Bool = false, weak: Bool = false) -> Shape {
        Shape(prefix: prefix, body: body, least: least, needsDigit: digit, isWeak: weak)
    }

    /// Cloud providers, source forges, package registries.
    private static let list: [Shape] =
        ["AKIA", "ASIA", "ABIA", "ACCA", "AGPA", "AIDA", "AIPA", "ANPA", "ANVA", "AROA"].map { shape($0, .capitals, 16) } + [
            shape("AIza", .url, 30), shape("ya29.", .token, 20), shape("GOCSPX-", .url, 20), shape("LTAI", .alphanumeric, 12, digit: true),
            shape("AKID", .alphanumeric, 13, digit: true), shape("ghp_", .alphanumeric, 20), shape("gho_", .alphanumeric, 20),
            shape("ghu_", .alphanumeric, 20), shape("ghs_", .alphanumeric, 20), shape("ghr_", .alphanumeric, 20),
            shape("github_pat_", .url, 20), shape("glpat-", .url, 16), shape("gldt-", .url, 16), shape("glrt-", .url, 16),
            shape("glptt-", .url, 16), shape("glcbt-", .url, 16), shape("glsoat-", .url, 16), shape("glft-", .url, 16),
            shape("glimt-", .url, 16), shape("glagent-", .url, 16), shape("ATATT3", .token, 20),
            shape("ATBB", .alphanumeric, 20, digit: true),
            shape("npm_", .alphanumeric, 30), shape("pypi-", .url, 30), shape("rubygems_", .hex, 30), shape("dckr_pat_", .url, 20),
            shape("CLOJARS_", .alphanumeric, 30), shape("hvs.", .url, 20), shape("hvb.", .url, 20), shape("hvr.", .url, 20),
            shape("dop_v1_", .hex, 40), shape("doo_v1_", .hex, 40), shape("dor_v1_", .hex, 40), shape("HRKU-", .url, 20),
            shape("dapi", .hex, 30), shape("pul-", .hex, 30), shape("hf_", .alphanumeric, 20, digit: false),
            shape("api_org_", .alphanumeric, 20),
            shape("AGE-SECRET-KEY-1", .capitals, 30), shape("AQVN", .url, 30), shape("t1.", .url, 80, weak: true),
            shape("v1.0-", .url, 100, weak: true),
            shape("nfp_", .alphanumeric, 30),
            shape("sbp_", .hex, 30), shape("CCIPAT_", .url, 20), shape("bkua_", .hex, 30), shape("AKCp", .alphanumeric, 50),
            shape("ABSK", .token, 80),
            shape("dp.pt.", .alphanumeric, 30), shape("dp.st.", .token, 30), shape("pscale_tkn_", .url, 20), shape("pscale_pw_", .url, 20),
            shape("pscale_oauth_", .url, 20), shape("sq0atp-", .url, 20), shape("sq0csp-", .url, 20), shape("tskey-", .url, 16),
            shape("squ_", .hex, 30), shape("sqp_", .hex, 30), shape("sqa_", .hex, 30), shape("EAACEdEose0cBA", .alphanumeric, 10),
            shape("EAAA", .url, 50, weak: true), shape("EAA", .alphanumeric, 60, digit: true, weak: true), shape("oy2", .alphanumeric, 40),
        ]

    /// Messaging, payment, models, monitoring.
    private static let services: [Shape] = [
        shape("xoxb-", .url, 10), shape("xoxp-", .url, 10), shape("xoxa-", .url, 10), shape("xoxr-", .url, 10), shape("xoxs-", .url, 10),
        shape("xoxe-", .url, 10), shape("xoxe.", .token, 10), shape("xoxo-", .url, 10), shape("xoxc-", .url, 10),
        shape("xoxd-", .token, 10),
        shape("xapp-", .url, 10), shape("sk_live_", .alphanumeric, 8), shape("sk_test_", .alphanumeric, 8),
        shape("rk_live_", .alphanumeric, 8),
        shape("rk_test_", .alphanumeric, 8), shape("pk_live_", .alphanumeric, 8), shape("pk_test_", .alphanumeric, 8),
        shape("whsec_", .token, 16), shape("sk-ant-", .url, 16), shape("sk-proj-", .url, 16), shape("sk-svcacct-", .url, 16),
        shape("sk-admin-", .url, 16), shape("sk-or-", .url, 16), shape("sk-", .url, 20, digit: true, weak: true),
        shape("sk-", .alphanumeric, 32), shape("gsk_", .alphanumeric, 20),
        shape("xai-", .alphanumeric, 20), shape("pplx-", .alphanumeric, 20), shape("tvly-", .url, 16, digit: true),
        shape("r8_", .alphanumeric, 20),
        shape("SG.", .token, 30), shape("SK", .hex, 32), shape("AC", .hex, 32), shape("key-", .hex, 32, weak: true),
        shape("xkeysib-", .url, 30),
        shape("shpat_", .hex, 20), shape("shpca_", .hex, 20), shape("shppa_", .hex, 20), shape("shpss_", .hex, 20),
        shape("rzp_live_", .alphanumeric, 10),
        shape("rzp_test_", .alphanumeric, 10), shape("FLWSECK_TEST-", .url, 10), shape("FLWSECK-", .url, 10),
        shape("lin_api_", .alphanumeric, 20),
        shape("secret_", .alphanumeric, 40), shape("ntn_", .alphanumeric, 30), shape("figd_", .url, 20), shape("glsa_", .url, 20),
        shape("glc_", .token, 20), shape("NRAK-", .capitals, 20), shape("NRJS-", .hex, 16), shape("NRII-", .url, 20),
        shape("NRIQ-", .url, 20),
        shape("sntrys_", .token, 20), shape("sntryu_", .hex, 40), shape("PMAK-", .url, 20), shape("CFPAT-", .url, 30),
        shape("tfp_", .url, 30),
        shape("shippo_live_", .hex, 20), shape("shippo_test_", .hex, 20), shape("duffel_live_", .url, 20), shape("duffel_test_", .url, 20),
        shape("EZAK", .alphanumeric, 30, digit: true), shape("EZTK", .alphanumeric, 30, digit: true), shape("aio_", .alphanumeric, 24),
        shape("access-sandbox-", .url, 30), shape("access-production-", .url, 30), shape("access-development-", .url, 30),
        shape("dt0c01.", .token, 20), shape("dt0s01.", .token, 20), shape("rdme_", .alphanumeric, 40), shape("pnu_", .alphanumeric, 30),
        shape("fio-u-", .url, 30), shape("sl.", .token, 100, weak: true), shape("ops_", .token, 100, weak: true),
        shape("patR", .token, 60, weak: true),
        shape("re_", .url, 24, digit: true, weak: true),
    ]

    /// Of services of every kind.
    private static let others: [Shape] = [
        shape("gloas-", .url, 16), shape("glffct-", .url, 16), shape("GR1348941", .url, 20), shape("ATCTT3", .token, 20),
        shape("ATTA", .hex, 60), shape("cio", .alphanumeric, 32, digit: true, weak: true), shape("dckr_oat_", .url, 20),
        shape("dp.ct.", .token, 30), shape("dp.sa.", .token, 30), shape("dp.scim.", .token, 30), shape("dp.audit.", .token, 30),
        shape("sb_secret_", .url, 20), shape("y0_", .url, 50, digit: true), shape("sha256~", .url, 40), shape("xsmtpsib-", .url, 30),
        shape("mlsn.", .hex, 60), shape("lin_oauth_", .hex, 40), shape("pat-na1-", .url, 36), shape("pat-eu1-", .url, 36),
        shape("pat.", .token, 60, digit: true, weak: true), shape("nvapi-", .url, 40), shape("csk-", .alphanumeric, 40, digit: true),
        shape("pcsk_", .url, 40), shape("lsv2_", .url, 36, digit: true), shape("phx_", .alphanumeric, 40, digit: true),
        shape("sgp_", .url, 36, digit: true), shape("fw_", .alphanumeric, 20, digit: true, weak: true),
        shape("rnd_", .alphanumeric, 28, digit: true, weak: true), shape("fm2_", .token, 80), shape("jina_", .alphanumeric, 50),
        shape("sk_", .hex, 48), shape("APA91b", .url, 100),
    ]
}
