/// Keys whose shape says whose they are, as their makers write them. `{b36}` is 36 random letters or digits: see ``alphabets``.
enum Keys {
    /// What nothing else looks like, whatever it hangs on.
    static let strong = clouds + sources + services + models + payments + operations

    /// What is a key where it stands alone, and may be something else behind a prefix.
    static let weak = [
        "1//0{u60}", "key-{h32}", "re_{b7}7_{b24}", "EAAA{u60}", "EAA{b119}7", "sl.{u140}", "ops_eyJ{b250}", "t1.{u150}",
        "v1.0-{h24}-{h146}", "patR{b59}7", "cio{b31}7", "pat.{b22}.{h24}.{b19}7", "fw_{b23}7", "rnd_{b31}7",
    ]

    static let alphabets: [Character: String] = [
        "a": "abcdefghijklmnopqrstuvwxyz0123456789", "b": letters + digits, "C": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "D": "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits, "d": digits, "h": digits + "abcdef", "L": letters, "t": letters + digits + "+/",
        "u": letters + digits + "-_",
    ]

    private static let digits = "0123456789"
    private static let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    private static let uuid = "{h8}-{h4}-4{h3}-a{h3}-{h12}"

    private static let clouds = [
        "AKIA{C16}", "ASIA{C16}", "ABIA{C16}", "ACCA{C16}", "AGPA{C16}", "AIDA{C16}", "AIPA{C16}", "ANPA{C16}", "ANVA{C16}", "AROA{C16}",
        "ABSK{t110}=", "AIza{u35}", "ya29.a0{u100}", "GOCSPX-{u28}", "LTAI{b19}7", "AKID{b31}7", "AQVN{u35}", "y0_{u54}7",
        "{b3}8Q~{u34}", "dop_v1_{h64}", "doo_v1_{h64}", "dor_v1_{h64}", "HRKU-AA{u58}", "HRKU-\(uuid)", "fm2_{t100}", "fio-u-{u64}",
        "nfp_{b36}", "sbp_{h40}", "sb_secret_{u22}_{u8}", "pscale_tkn_{u43}", "pscale_pw_{u43}", "pscale_oauth_{u43}",
        "tskey-auth-{b16}-{b32}", "tskey-api-{b16}-{b32}", "pul-{h40}", "{b14}.atlasv1.{u67}", "hvs.{u90}", "hvb.{u140}", "hvr.{u90}",
        "sha256~{u43}", "AGE-SECRET-KEY-1{D58}",
    ]

    private static let sources = [
        "ghp_{b36}", "gho_{b36}", "ghu_{b36}", "ghs_{b36}", "ghr_{b36}", "github_pat_{b22}_{b59}", "glpat-{u20}", "gldt-{u20}",
        "glrt-{u20}", "glptt-{h40}", "glcbt-4_{u20}", "glsoat-{u20}", "glft-{u20}", "glimt-{u25}", "glagent-{u50}", "gloas-{u64}",
        "glffct-{u20}", "GR1348941{u20}", "ATATT3xFfGF0{u170}={D8}", "ATCTT3xFfGN0{u170}={D8}", "ATBB{b31}7", "ATTA{h64}", "npm_{b36}",
        "pypi-AgEIcHlwaS5vcmc{u70}", "rubygems_{h48}", "oy2{a43}", "dckr_pat_{u27}", "dckr_oat_{u32}", "CLOJARS_{a60}", "AKCp{b69}",
        "CCIPAT_{b22}_{h40}", "bkua_{h40}", "squ_{h40}", "sqp_{h40}", "sqa_{h40}", "sgp_{h40}", "lin_api_{b40}", "lin_oauth_{h64}",
    ]

    private static let services = [
        "xoxb-{d12}-{d12}-{b24}", "xoxp-{d12}-{d12}-{d12}-{h32}", "xoxa-2-{d12}-{b24}", "xoxr-{d12}-{b24}", "xoxo-{d12}-{b24}",
        "xoxs-{d12}-{d12}-{d12}-{h10}", "xoxe.xoxp-1-{b160}", "xoxe-1-{b146}", "xoxc-{d12}-{d12}-{h40}", "xoxd-{t80}",
        "xapp-1-A{D10}-{d13}-{h64}", "M{b25}.{u6}.{u38}", "{d9}:AA{u33}", "SG.{u22}.{u43}", "SK{h32}", "AC{h32}",
        "xkeysib-{h64}-{b16}", "xsmtpsib-{h64}-{b16}", "{h32}-us12", "mlsn.{h64}", "secret_{b43}", "ntn_{d11}{b35}", "figd_{u40}",
        "pat{b14}.{h64}", "CFPAT-{u43}", "tfp_{u59}", "PMAK-{h24}-{h34}", "rdme_{a70}", "aio_{b28}", "pnu_{a36}", "pat-na1-\(uuid)",
        "EAACEdEose0cBA{b80}", "APA91b{u134}",
    ]

    private static let models = [
        "sk-{b20}T3BlbkFJ{b20}", "sk-proj-{u48}T3BlbkFJ{u48}", "sk-svcacct-{u60}", "sk-admin-{u60}", "sk-ant-api03-{u93}AA",
        "sk-ant-admin01-{u93}AA", "sk-or-v1-{h64}", "sk-{h32}", "sk_{h48}", "gsk_{b52}", "xai-{b80}", "pplx-{b48}", "hf_{L34}",
        "api_org_{L34}", "r8_{b37}", "tvly-{b31}7", "nvapi-{u64}", "csk-{a47}7", "pcsk_{b6}_{b63}", "jina_{h32}{b28}",
        "lsv2_pt_{h32}_{h10}", "lsv2_sk_{h32}_{h10}",
    ]

    private static let payments = [
        "sk_live_{b24}", "sk_test_{b24}", "rk_live_{b24}", "rk_test_{b24}", "pk_live_{b24}", "pk_test_{b24}", "whsec_{b32}",
        "shpat_{h32}", "shpca_{h32}", "shppa_{h32}", "shpss_{h32}", "sq0atp-{u22}", "sq0csp-{u43}", "rzp_live_{b14}", "rzp_test_{b14}",
        "FLWSECK-{h32}-X", "FLWSECK_TEST-{h32}-X", "EZAK{b53}7", "EZTK{b53}7", "shippo_live_{h40}", "shippo_test_{h40}",
        "duffel_live_{u43}", "duffel_test_{u43}", "access-sandbox-\(uuid)", "access-production-\(uuid)", "access-development-\(uuid)",
    ]

    private static let operations = [
        "dapi{h32}", "dp.pt.{b43}", "dp.st.{b43}", "dp.st.dev.{b43}", "dp.ct.{b43}", "dp.sa.{b43}", "dp.scim.{b43}", "dp.audit.{b43}",
        "glsa_{b32}_{h8}", "glc_{t80}=", "NRAK-{D27}", "NRJS-{h19}", "NRII-{u32}", "NRIQ-{u32}", "sntrys_{t60}={b43}", "sntryu_{h64}",
        "dt0c01.{C24}.{C64}", "dt0s01.{C24}.{C64}", "phx_{b42}7",
    ]
}

extension Corpus {
    /// A key of that pattern.
    mutating func key(_ pattern: String) -> String {
        var (out, rest) = ("", pattern[...])
        while let open = rest.firstIndex(of: "{"), let close = rest.firstIndex(of: "}"), open < close {
            let item = rest[rest.index(after: open)..<close]
            out += rest[..<open]
            out += text(Int(item.dropFirst()) ?? 0, item.first.flatMap { Keys.alphabets[$0] } ?? "?")
            rest = rest[rest.index(after: close)...]
        }
        return out + rest
    }
}
