/// What has to stay, as patterns for ``Corpus/fill(_:)``.
enum LookAlikes {
    static let all = identifiers + times + numbers + places + words

    private static let identifiers = [
        "hhhhhhhh-hhhh-4hhh-ahhh-hhhhhhhhhhhh", "########-####-4###-8###-############", "HHHHHHHH-HHHH-4HHH-9HHH-HHHHHHHHHHHH",
        "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh",
        "s\\h\\a256:hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh",
        "ORD-2024-######", "\\##########", "order N#########", "Order \\#N########", "order_id=N############", "I\\NV-##########",
        "###-#######-#######",
        "ticket N########", "tracking N###########", "1ZAAA###########", "SKU ####-#####", "order ###-###-####", "ref: N#########",
        "txn N###############",
        "trace=hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", "user_id=N#########", "hh:hh:hh:hh:hh:hh", "HH-HH-HH-HH-HH-HH", "hhhh.hhhh.hhhh",
        "##-##-##-##-##-##",
        "####.####.####", "0xhhhhhhhhhhhhhhhh", "hhhhhhh", "build N######", "ISBN 978-#-##-######-#", "E\\A\\N N############",
        "GTI\\N 43###########", "GTI\\N 00###########", "\\NDC 0####-###-##", "P\\N 0##-####-##", "CP ### ### ### SE", "RR N######## DE",
        "9400 1### 7### 0### #### ##", "Kundennummer 06########", "account 06########", "scanned 42###########",
    ]

    private static let times = [
        "20##-1#-2#T1#:##:##.###Z", "20##-1#-2# 1#:##:##,###", "1#/2#/20##", "2#.1#.20## 1#:##", "0#-1#-20##", "17########",
        "17###########",
        "17##############", "17#################", "17########.######", "20##1#2#1#####", "20##1#2#T1#####Z", "2#/Jan/20##:1#:##:## +0000",
        "20##/1#/2#",
        "20##-1#-2#-1#-##-##", "1#:##:##.######", "2# 1# 20##", "0N 0N 20## 1# ##", "20## 0N 1# 08 15 0#", "0N-12 13-18",
        "Mo-Fr 08-12 14-18",
    ]

    private static let numbers = [
        "$N#,###.##", "N.###.###,## €", "€N######", "N# ### ### kr", "USD N######.##", "N####### bytes", "took N###### ms",
        "0.################",
        "-N#.######, N#.######", "+N#.######", "lat=N#.######## lon=-N#.########", "N#.####, -N#.####", "seq N#######",
        "N### N### N## N####", "offset=N########",
        "total N########", "zip #####-####", "\"GET / HTTP/1.1\" 200 N## N###", "pid N#### tid N####", "amount=N#########",
        "#.###############", "{\"bytes\":N#########}",
        "4##.## MB of N###.## MB", "page N# of N##", "N#%", "ppg 6#### 4####", "0N 1# 2# 3# 4# 4#", "01 02 03 04 05 06 07 0N",
        "1f8\\b 0800 0000 0000 000#",
    ]

    private static let places = [
        "1##.1##.1##.1##", "10.#.#.2#:80##", "2001:db8::hhhh:hh", "\\fe80::hhhh:hhhh:hhhh:hhhh", "v#.##.##", "#.##.#-beta.#+########",
        "1#.0.N####.###",
        "/v\\ar/log/\\app/20##/1#/2#/######.log", "/\\api/v1/users/N#####/orders/N#########", "/users/##########",
        "C:\\\\logs\\\\N#######.txt", "\\file_20##1#2#_N#######.csv",
        "https://example.com/items/N#########?p\\age=##", "s3://\\b\\ucket/dt=20##-1#-2#/hhhhhhhh", "logo@2x.p\\ng", "lod\\ash@4.17.##",
        "user@####.service",
        "git@github.com:\\ac\\me/repo.git", "\\b\\ackup-20##-1#-2#-######.t\\ar.gz",
    ].map(words)

    private static let words = [
        "tokenizer=bpe", "pinned: true", "max_tokens=2##", "token_count=12", "password_length=1#", "secretary: x-1", "monkey=12",
        "primary_key=id", "compass: north",
        "opinion=value1", "keyboard: us", "has_password=true", "authority=root", "bearer of news", "token expired",
        "password: must be longer", "shipping=###",
        "partition_key=a##", "tokens_used=N###", "pinging host", "passenger: 12", "card_type=visa", "spinner=on", "tokenType: x",
        "fw_rule_set_1#", "pat.example.com", "cio_office=1#", "rnd_seed=4#", "sk_layout_v#", "phx_region=us#", "sha256~unset",
        "pins: 1#", "cookie_consent=true", "cookieBannerShown=blue", "authorization: denied by policy", "auth=disabled", "auth: negotiate",
    ].map(words)

    /// Letters stand for themselves, save those that are patterns on purpose (`#`, and hexadecimal where it is repeated).
    private static func words(_ pattern: String) -> String {
        guard !pattern.contains("hh") else { return pattern }
        return pattern.replacing("\\", with: "").map { $0.isLetter && $0 != "N" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
    }
}

extension Corpus {
    /// What may stand round a secret.
    static let frames: [Kind: [String]] = [
        .email: [
            "{}", "mail {} now", "<{}>", "user={} logged in", "{\"email\":\"{}\"}", "mailto:{}", "(from {})", "Contact {}, or call",
            "2024-01-15T10:30:00Z INFO sent to {}",
        ],
        .phone: [
            "{}", "Call me at {} please", "phone: {}", "tel={} ok", "{\"phone\":\"{}\",\"x\":1}", "Kontakt: {}.", "mobile {}, thanks",
            "2024-01-15 10:30:00 INFO phone={} verified", "Phone # {}", "caller_id={}", "WhatsApp: {}", "call({})",
        ],
        .card: ["{}", "card {}", "paid with {} today", "Card: {}.", "{\"card\":\"{}\"}", "cc {} exp 12/26"],
        .socialSecurity: ["{}", "SSN {}", "patient ({}) admitted", "{\"note\":\"{}\"}", "social security number is {}"],
        .webToken: ["{}", "jwt {}", "got '{}'", "{\"v\":\"{}\"}", "id={},", "{}.", "id-{}", "id_{}"],
        .credentials: [
            "Bearer {}", "Authorization: Bearer {}", "authorization=Bearer {}", "-H \"Authorization: Bearer {}\"",
            "{\"Authorization\":\"Bearer {}\"}", "X-Api-Key: {}", "Cookie: sid={}; theme=dark",
        ],
        .key: keyFrames,
        .url: [
            "https://user:{}@host.example.com/x", "postgres://app:{}@db:5432/x", "https://example.com/cb?access_token={}&x=1",
            "redis://:{}@cache:6379",
            "https://example.com/?api_key={}#top", "https://b.s3.amazonaws.com/k?X-Amz-Signature={}&X-Amz-Expires=60",
            "amqp://u:{}@mq/vhost", "https://example.com/reset?token={}",
        ],
        .iban: [
            "{}", "IBAN {}", "transfer to {} now", "{\"to\":\"{}\"}", "IBAN: {}", "iban={}", "Konto-IBAN: {}", "iban={}&amount=5",
        ],
        .name: sensitiveNames.flatMap { name in
            [
                "\(name)={}", "\(name): {}", "{\"\(name)\":\"{}\"}", "{\\\"\(name)\\\":\\\"{}\\\"}", "a=1 \(name)='{}' b=2",
                "?x=1&\(name)={}&y=2", "--\(name) {}", "<\(name)>{}</\(name)>",
            ]
        },
    ]

    static let keyFrames = ["{}", "key {} leaked", "using '{}'", "{\"v\":\"{}\"}", "KEY={}", "({})"]

    static let plainFrames = [
        "{}", "value {} seen", "INFO {} done", "{}.", "({})", "\"{}\"", "a {}, b", "2024-01-15T10:30:00Z INFO [w-1] {} - settled",
        "processed {} in 12 ms",
    ]

    static let sensitiveNames = [
        "password", "Password", "userPassword", "user-password", "DB_PASSWORD", "passwd", "pwd", "token", "accessToken", "access_token",
        "refresh-token", "authToken",
        "X-Auth-Token", "secret", "clientSecret", "app-secret", "SECRET_KEY", "apiKey", "api_key", "api-key", "APIKey", "x-api-key",
        "my_api_key", "creditCard",
        "credit-card", "creditCardNumber", "cvv", "cardCvv", "pin", "userPin", "pin_code", "privateKey", "credentials", "otp",
        "securityCode", "accesstoken",
        "passwordHash", "AWS_SECRET_ACCESS_KEY", "newPassword", "auth.token", "signature_key", "XAPIKey", "passKey",
        "cardVerificationValue",
    ]
}
