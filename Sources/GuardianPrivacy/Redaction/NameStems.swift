/// The words that sensitive names are made of. Each stem's first three letters stand in ``grams``.
enum NameStems {
    struct Pair: Hashable {
        let first: UInt128
        let second: UInt128

        init(_ first: UInt128, _ second: UInt128) { (self.first, self.second) = (first, second) }
    }

    static let single: [UInt128: SensitiveNames.Verdict] = {
        var stems: [UInt128: SensitiveNames.Verdict] = [:]
        func add(_ words: String, _ verdict: SensitiveNames.Verdict) {
            for word in words.split(separator: " ") { stems[NameWords.pack(word)] = verdict }
        }
        add(
            """
            password passwords passwd passwds passcode passcodes pwd pwds pword passwort kennwort contrasena contraseña senha wachtwoord \
            lösenord losenord hasło haslo пароль パスワード 密码 密碼 secret secrets token credential credentials creds apikey apikeys \
            apitoken authtoken accesstoken jwt bearer cvv cvc cvn cid otp totp pin pincode pinnumber privatekey secretkey accesskey \
            clientsecret sessid phpsessid jsessionid sessionkey accountkey sharedaccesskey \
            accesskeys privatekeys iban passkey xsrf csrf psk sas pswd passwrd securitycode verificationcode mytoken idtoken \
            dbpass userpass adminpass rootpass smtppass mailpass ftppass mysqlpass redispass wifipass storepass keypass dbpwd userpwd \
            xapikey 비밀번호 पासवर्ड
            """, .secret)
        add("ssn creditcard cardnumber ccnumber ccnum cardnum cardno socialsecurity socialsecuritynumber pan", .number)
        add("tokens pins", .counted)
        add("pass", .weak)
        add("authorization cookie cookies", .header)
        add("passphrase passphrases mnemonic seedphrase", .phrase)
        // Words that are short and mean other things as often are left to pairs.
        for word in ["cid", "pan", "sas", "xsrf", "csrf", "bearer"] { stems[NameWords.pack(word)] = nil }
        return stems
    }()

    static let pairs: [Pair: SensitiveNames.Verdict] = {
        var stems: [Pair: SensitiveNames.Verdict] = [:]
        func add(_ firsts: String, _ seconds: String, _ verdict: SensitiveNames.Verdict) {
            for first in firsts.split(separator: " ") {
                for second in seconds.split(separator: " ") { stems[Pair(NameWords.pack(first), NameWords.pack(second))] = verdict }
            }
        }
        add("pass", "word words wd code codes key keys", .secret)
        add("signature xapi", "key keys", .secret)
        add("verification", "value", .secret)
        add("pass", "phrase phrases", .phrase)
        add("seed recovery backup", "phrase phrases", .phrase)
        add("api access secret private signing encryption decryption master account shared storage auth ssh service", "key keys", .secret)
        add("license subscription webhook hmac session cipher deploy client consumer app application aes symmetric", "key keys", .secret)
        add("security verification confirmation auth mfa otp sms recovery backup reset login cvv cvc", "code codes", .secret)
        add("credit debit payment bank", "card cards", .number)
        add("card cc creditcard", "number numbers num no nr pan", .number)
        add("account", "pin", .secret)
        add("social", "security", .number)
        add("bank", "account", .secret)
        add("account routing iban", "number", .secret)
        add("passport licence", "number", .secret)
        add("shared access", "signature", .secret)
        add("mot", "de", .secret)
        add("set", "cookie cookies", .header)
        add("auth", "header", .header)
        add("connect", "sid", .secret)
        add("code", "verifier", .secret)
        // Vault's login is a text; a row that is referred to is a number.
        add("secret", "id", .counted)
        add("per first", "token", .counted)
        for pair in [("mot", "de"), ("account", "number"), ("routing", "number"), ("bank", "account"), ("passport", "number")] {
            stems[Pair(NameWords.pack(pair.0), NameWords.pack(pair.1))] = nil
        }
        return stems
    }()

    /// The end or the start of a word that is written without a boundary: `userpassword`, `apikeyvalue`.
    static func runOn(_ word: UInt128) -> SensitiveNames.Verdict? {
        guard word > UInt128(UInt64.max) >> 8 else { return nil }
        for (stem, bits, verdict) in ends where word & ((1 << bits) - 1) == stem { return exceptions.contains(word) ? nil : verdict }
        var head = word
        while head > 0xFF_FFFF {
            if let verdict = starts[head] { return exceptions.contains(word) ? nil : verdict }
            head >>= 8
        }
        return nil
    }

    private static let ends: [(UInt128, UInt128, SensitiveNames.Verdict)] = {
        let secret =
            "password passwd passwort passcode pwd secret token apikey secretkey accesskey privatekey pincode userpin cardpin atmpin "
            + "newpin cvv cvc credential credentials passwords secrets otpcode encryptionkey signingkey masterkey"
        let ends = secret.split(separator: " ").map { (NameWords.pack($0), UInt128($0.utf8.count * 8), SensitiveNames.Verdict.secret) }
        let numbers = "creditcard cardnumber socialsecurity ccnumber".split(separator: " ")
        return ends + numbers.map { (NameWords.pack($0), UInt128($0.utf8.count * 8), .number) }
            + [(NameWords.pack("passphrase"), 80, .phrase), (NameWords.pack("tokens"), 48, .counted)]
    }()

    private static let starts: [UInt128: SensitiveNames.Verdict] = {
        var starts: [UInt128: SensitiveNames.Verdict] = [:]
        for word in ["password", "passwd", "apikey", "secretkey", "accesskey", "privatekey", "tokenvalue", "authtoken", "clientsecret"] {
            starts[NameWords.pack(word)] = .secret
        }
        for word in ["creditcard", "cardnumber"] { starts[NameWords.pack(word)] = .number }
        return starts
    }()

    /// Stems in what is left when everything between the words is taken away: `p_a_s_s_w_o_r_d`, `pass word`, `a.p.i.k.e.y`.
    static func across(_ joined: [UInt8]) -> SensitiveNames.Verdict? {
        for (stem, verdict) in joinedStems where joined.count >= stem.count {
            if joined == stem || (stem.count >= 8 && contains(joined, stem)) { return verdict }
        }
        return nil
    }

    private static func contains(_ text: [UInt8], _ stem: [UInt8]) -> Bool {
        guard text.count >= stem.count else { return false }
        return (0...(text.count - stem.count)).contains { start in
            text[start] == stem[0] && text[start..<start + stem.count].elementsEqual(stem)
        }
    }

    private static let joinedStems: [([UInt8], SensitiveNames.Verdict)] =
        [
            "password", "passwd", "passwort", "passcode", "pwd", "secret", "token", "apikey", "cvv", "cvc", "pin", "accesstoken",
            "authtoken",
            "refreshtoken", "secretkey", "clientsecret", "accesskey", "privatekey", "motdepasse", "contraseña", "contrasena", "wachtwoord",
            "senha", "passwords",
        ].map { (Array($0.utf8), SensitiveNames.Verdict.secret) }
        + ["creditcard", "cardnumber", "ssn", "socialsecurity"].map { (Array($0.utf8), SensitiveNames.Verdict.number) }

    private static let exceptions: Set<UInt128> = packed("passwordless passwordlessly secretary secretaries betoken betokens")

    /// Last words behind a stem that only tell of it.
    static let describing: Set<UInt128> = packed(
        """
        count counts length len size type types kind policy policies expiry expires expiration expired expire ttl age at date time \
        timestamp ts url uri href endpoint path file filename dir directory name names strength valid validity required requirement \
        requirements enabled disabled changed updated created modified issued revoked rotated verified status state version limit limits \
        budget usage used remaining index position min max format algorithm alg label scheme issuer provider id ids in on seconds ms \
        minutes days hours attempts tries retries failures errors error rate bucket buckets map dialog screen page view cost costs price \
        prices latency duration logprobs bits color colour icon button link manager service store storage provider validator generator \
        factory helper class module config settings options rules rule reset forgot changes change rotation refresh request requests \
        response endpoint brand network holder owner country present missing set exists ok invalid mismatch source scope scopes audience \
        realm consent banner shown accepted
        """)

    /// First words that ask about it, or count it.
    static let asking: Set<UInt128> = packed(
        "has is max min num total show hide use uses allow allows require requires required enable enabled disable needs need no with "
            + "without")

    /// First words of the names of what a language model has read and written: `prompt_tokens`, `input_token_details`.
    static let counting: Set<UInt128> = packed("prompt completion input output cached reasoning remaining")
    static let token = NameWords.pack("token")
    static let tokens = NameWords.pack("tokens")
    static let details = NameWords.pack("details")

    static let passOwners: Set<UInt128> = packed(
        "db database user username smtp mail email imap ftp sftp redis mysql postgres pg mongo admin root my proxy http https basic login "
            + "auth ssh wifi app new old confirm key store keystore truststore ldap rabbitmq amqp sql account")

    static let grams: [[UInt8]] = [
        "pas", "pwd", "ken", "con", "sen", "wac", "lös", "los", "has", "пар", "パ", "密", "sec", "tok", "cre", "api", "aut", "acc", "jwt",
        "cvv",
        "cvc", "cvn", "otp", "tot", "pin", "pri", "cli", "ses", "php", "jse", "ssn", "car", "ccn", "soc", "coo", "mne", "see", "rec", "bac",
        "sig", "enc", "dec", "mas", "sha", "sto", "ssh", "ser", "lic", "sub", "web", "hma", "cip", "dep", "app", "ver", "mfa", "sms", "res",
        "log", "deb", "pay", "iba", "ppw", "mot", "set", "pwo", "cck", "ccp", "sid", "psk", "psw", "aes", "sym", "비", "प",
    ].map { Array(Array($0.utf8).prefix(3)) }

    private static func packed(_ words: String) -> Set<UInt128> { Set(words.split(separator: " ").map(NameWords.pack)) }
}
