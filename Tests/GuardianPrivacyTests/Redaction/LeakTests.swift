import GuardianCore
import GuardianPrivacy
import Testing

/// Ways to write a secret that once let it through.
@Suite("Secrets in other clothes")
struct LeakTests {
    let redactor = Redactor.standard

    @Test(
        "A form's field, and what was typed into it, are as secret as what they ask for",
        arguments: [
            "inputPassword", "input_password", "forgotPasswordToken", "passwordInput", "password_field", "otp_input", "pin_form",
            "tokenPrompt", "outputSecret", "promptPassword", "inputToken", "cached_token", "completionToken", "psk", "wifi_psk", "cc_pan",
            "dbpass", "userpwd", "storePass", "securitycode", "code_verifier", "secret_id", "aes_key",
            "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.token", "signature_key", "XAPIKey", "XAPIKEY", "passKey", "cardVerificationValue",
            "비밀번호", "पासवर्ड",
        ])
    func names(name: String) {
        #expect(SecurityUtils.isSensitiveField(name))
        #expect(redactor.redact("\(name)=hunter2") == "\(name)=[REDACTED]")
        #expect(redactor.redact("{\"\(name)\":\"hunter2\"}") == "{\"\(name)\":\"[REDACTED]\"}")
        #expect(redactor.redact(json: "{\"\(name)\":\"hunter2\"}") == "{\"\(name)\":\"[REDACTED]\"}")
    }

    @Test(
        "Counts, prices and what is said of a field are not",
        arguments: [
            "prompt_tokens", "input_tokens", "completionTokens", "cached_tokens", "max_tokens", "token_count", "inputTokenCount",
            "promptTokensDetails", "input_token_details", "completion_tokens_details", "input_cost_per_token", "token_price",
            "token_latency", "password_field_label", "password_form_url", "forgot_password_url", "passwordFieldError", "aes_key_bits",
            "secret_name", "pinColor", "cookieBannerShown", "cookie_consent", "cookieConsentAccepted", "signature_key_id",
        ])
    func counts(name: String) {
        #expect(!SecurityUtils.isSensitiveField(name))
        #expect(redactor.redact("\(name)=hunter2 {\"\(name)\":\"hunter2\"}") == "\(name)=hunter2 {\"\(name)\":\"hunter2\"}")
    }

    @Test(
        "What hangs on an escape is a name of its own",
        arguments: [
            (#"line\ntoken=abc123\tpin: 4821"#, #"line\ntoken=[REDACTED]\tpin: [REDACTED]"#),
            ("?next=%2Fcb%3Ftoken%3Dabc123", "?next=%2Fcb%3Ftoken%3D[REDACTED]"),
            ("?next=%253Fapi_key%253Dabc123", "?next=%253Fapi_key%253D[REDACTED]"),
            ("?next=%2Fcb%3Fcode%3Dabc123", "?next=%2Fcb%3Fcode%3D[REDACTED]"),
            ("user%5Bpin%5D=4821 user%5Btoken%5D=abc", "user%5Bpin%5D=[REDACTED] user%5Btoken%5D=[REDACTED]"),
            (#"{"url":"/x?token\u003dabc123"}"#, #"{"url":"/x?token\u003d[REDACTED]"}"#),
            ("?q=%7B%22pin%22%3A%224821%22%7D&x=1", "?q=%7B%22pin%22%3A[REDACTED]&x=1"),
            ("&quot;password&quot;:&quot;hunter2&quot; x", "&quot;password&quot;:[REDACTED]; x"),
        ])
    func escapes(text: String, expected: String) { check(text, expected) }

    @Test(
        "What stands round a name or a value hides neither",
        arguments: [
            (#"password: Optional("hunter2"), n: 1"#, "password: [REDACTED]), n: 1"),
            (#"token: Some(Secret("abc 123")) ok"#, "token: [REDACTED])) ok"),
            (#"token=Token(value="a b", n=1)"#, "token=[REDACTED], n=1)"),
            (#"password=b"hunter 2" x"#, "password=[REDACTED] x"), (#"password = @"hunter 2";"#, "password = [REDACTED];"),
            (#"{"q":"password=b","x":"y"}"#, #"{"q":"password=[REDACTED]","x":"y"}"#),
            (#"{"q":"token=YWJj=","x":"y"}"#, #"{"q":"token=[REDACTED]","x":"y"}"#),
            (#"config["password"] = "hunter2""#, #"config["password"] = "[REDACTED]""#),
            (#"[AnyHashable("token"): abc123, "n": 2]"#, #"[AnyHashable("token"): [REDACTED], "n": 2]"#),
            ("tokens[]=abc&secrets[0]=def", "tokens[]=[REDACTED]&secrets[0]=[REDACTED]"),
            ("--spring.datasource.password hunter2", "--spring.datasource.password [REDACTED]"),
            ("ALTER ROLE app PASSWORD 'hunter2';", "ALTER ROLE app PASSWORD '[REDACTED]';"),
            ("CREATE USER a IDENTIFIED BY 'it''s';", "CREATE USER a IDENTIFIED BY '[REDACTED]';"),
        ])
    func wrappers(text: String, expected: String) { check(text, expected) }

    @Test(
        "A value goes whole whose groups spaces part",
        arguments: [
            ("IBAN: DE89 3704 0044 0532 0130 00", "IBAN: [REDACTED_IBAN]"),
            ("iban=DE89 3704 0044 0532 0130 00&amount=5", "iban=[REDACTED_IBAN]&amount=5"),
            ("Konto-IBAN: DE89 3704 0044 0532 0130 00, BIC X", "Konto-IBAN: [REDACTED_IBAN], BIC X"),
            ("my iban: gb29 nwbk 6016 1331 9268 19", "my iban: [REDACTED_IBAN]"), ("otp: 123 456", "otp: [REDACTED]"),
            ("passcode: 12 34 56, ok", "passcode: [REDACTED], ok"), ("pin: 4821 5 attempts", "pin: [REDACTED] 5 attempts"),
            ("pin: 4821 4111 1111 1111 1111", "pin: [REDACTED] [REDACTED_CC]"),
        ])
    func groups(text: String, expected: String) { check(text, expected) }

    @Test(
        "So does what tools and other languages call a secret",
        arguments: [
            (#"{"auths":{"x":{"auth":"dXNlcjpwYXNzd29yZA=="}}}"#, #"{"auths":{"x":{"auth":"[REDACTED]"}}}"#),
            (#"{\"auth\":\"dXNlcjpwYXNzd29yZA==\"}"#, #"{\"auth\":\"[REDACTED]\"}"#),
            ("//registry.npmjs.org/:_auth=dXNlcjpwYXNzd29yZA==", "//registry.npmjs.org/:_auth=[REDACTED]"),
            ("curl -u admin:hunter2 https://example.com", "curl -u [REDACTED] https://example.com"),
            ("curl -s \\\n  --user 'admin:hunter 2' x", "curl -s \\\n  --user '[REDACTED]' x"),
            ("mot de passe : hunter2", "mot de passe : [REDACTED]"), ("Nouveau mot de passe: hunter2", "Nouveau mot de passe: [REDACTED]"),
            ("密码：hunter2", "密码：[REDACTED]"), ("パスワード： hunter2 x", "パスワード： [REDACTED] x"), ("비밀번호: hunter2", "비밀번호: [REDACTED]"),
            ("पासवर्ड: hunter2", "पासवर्ड: [REDACTED]"),
        ])
    func languages(text: String, expected: String) { check(text, expected) }

    @Test("In JSON a login in base64 goes too, and what else stands under its name stays")
    func logins() throws {
        let text = #"{"auths":{"x":{"auth":"dXNlcjpwYXNzd29yZA=="},"y":{"auth":"disabled","_auth":[1]}}}"#
        let expected = #"{"auths":{"x":{"auth":"[REDACTED]"},"y":{"auth":"disabled","_auth":[1]}}}"#
        #expect(redactor.redact(json: text) == expected)
        #expect(redactor.redact(json: expected) == expected)
        let value = try JSONValue(parsing: text)
        #expect(redactor.redact(value).text == expected)
    }

    @Test(
        "Headers go to their end, whatever quotation marks stand in them",
        arguments: [
            (#"Authorization: Digest username="bob", realm="", response="6629f""#, "Authorization: [REDACTED]"),
            (#"-H "Authorization: Foo YWJj=" -H "X: y""#, #"-H "Authorization: [REDACTED]" -H "X: y""#),
            (#"{"a":"Authorization: OAuth oauth_token=\"x\", oauth_nonce=\"y\"","b":1}"#, #"{"a":"Authorization: [REDACTED]","b":1}"#),
            (#"Cookie: prefs="x,y"; sid=canary"#, "Cookie: [REDACTED]"),
            (#"{"auth":"Bearer YWJjMTIzNDU2Nzg5MA=="}"#, #"{"auth":"Bearer [REDACTED]"}"#),
            (#"{"auth":"Basic dXNlcjpwYXNzd29yZA=="}"#, #"{"auth":"Basic [REDACTED]"}"#),
            ("Authorization: Basic xyz", "Authorization: [REDACTED]"), ("authorization: abc123token", "authorization: [REDACTED]"),
            ("authorization: new abc123def", "authorization: [REDACTED]"), ("authorization: key abcdef", "authorization: [REDACTED]"),
            ("authorization: denied by password: hunter2", "authorization: denied by password: [REDACTED]"),
        ])
    func headers(text: String, expected: String) { check(text, expected) }

    @Test(
        "A tag hides neither its attributes nor what follows it",
        arguments: [
            (#"<credentials user="bob" password="hunter2"/>"#, #"<credentials user="bob" password="[REDACTED]"/>"#),
            (#"<secret value="hunter2"/>"#, #"<secret value="[REDACTED]"/>"#),
            (#"<pin a="a@b.io">4821</pin>"#, #"<pin a="[REDACTED_EMAIL]">[REDACTED]</pin>"#),
            (#"<pin token="x>y">4821</pin>"#, #"<pin token="[REDACTED]">[REDACTED]</pin>"#),
            ("usage: --token <token> mail a@b.io", "usage: --token <token> mail [REDACTED_EMAIL]"),
            (#"<property name="password" value="hunter2"/>"#, #"<property name="password" value="[REDACTED]"/>"#),
            (#"<string name="api_key">abc</string>"#, #"<string name="api_key">[REDACTED]</string>"#),
        ])
    func tags(text: String, expected: String) { check(text, expected) }

    @Test(
        "A value goes whose name stands beside it",
        arguments: [
            (#"{"name":"DB_PASSWORD","value":"hunter2"}"#, #"{"name":"DB_PASSWORD","value":"[REDACTED]"}"#),
            (#"name="pin" value="1", name="n" value="x""#, #"name="pin" value="[REDACTED]", name="n" value="x""#),
            (#"{\"key\":\"api_key\",\"value\":\"abc\"}"#, #"{\"key\":\"api_key\",\"value\":\"[REDACTED]\"}"#),
            ("- name: DB_PASSWORD\n  value: hunter2", "- name: DB_PASSWORD\n  value: [REDACTED]"),
            ("- key: \"token\"\n  - value: \"abc\"", "- key: \"token\"\n  - value: \"[REDACTED]\""),
            (#"<input type="password" value="hunter2">"#, #"<input type="password" value="[REDACTED]">"#),
        ])
    func beside(text: String, expected: String) { check(text, expected) }

    @Test("In JSON too, and where another member's name only looks like it nothing goes")
    func besideInJSON() throws {
        let text = #"{"env":[{"name":"DB_PASSWORD","n":[{"a":1}],"value":{"a":"canary"}},{"name":"COLOR","value":"red"}]}"#
        let expected = #"{"env":[{"name":"DB_PASSWORD","n":[{"a":1}],"value":"[REDACTED]"},{"name":"COLOR","value":"red"}]}"#
        #expect(redactor.redact(json: text) == expected)
        #expect(redactor.redact(json: expected) == expected)
        let value = try JSONValue(parsing: text)
        #expect(redactor.redact(value).text == expected)
        let harmless = #"[{"key":"tokens","value":12},{"name":"PASSWORD_MIN_LENGTH","value":"8"},{"value":"b"},{"note":"pin","value":1}]"#
        #expect(redactor.redact(json: harmless) == harmless)
        let other = try JSONValue(parsing: harmless)
        #expect(redactor.redact(other).text == harmless)
    }

    @Test(
        "What only looks like it stays",
        arguments: [
            "passwd[1234]: password changed for bob", "sshd[99]: Failed password for root from 10.0.0.1 port 22",
            "the password 'required' and password 'cause it's late", #"Bearer realm="x1234", Basic realm="""#,
            "secret_id=17 tokens_per_second=45.2",
            #"C:\temp\names=x %20name%3Dx user%5Bname%5D=x x["name"] = "y" AnyHashable("n"): 1"#, "PIN <x> a -> b => c <b>12</b>",
            "name: token expired, value was 12", #"<input name="color" value="red">"#, "identified by 12 'x'",
            "authorization: denied by policy", #"{"msg":"authorization: denied by policy 42"}"#, "cookie: required for login.",
            "missing token: header absent", "pins: 12 gpioPins=4 cookie_consent=true", "auth: disabled auth=none \"auth\":\"negotiate\"",
            "docker run -u root:root x; curl -u $USER:$PASS https://x -u me", "密码：成功 忘记密码： 点击", "la passe: 12 passe: 12",
        ])
    func leaves(text: String) { #expect(redactor.redact(text) == text) }

    private func check(_ text: String, _ expected: String) {
        #expect(redactor.redact(text) == expected)
        #expect(redactor.redact(expected) == expected)
    }
}
