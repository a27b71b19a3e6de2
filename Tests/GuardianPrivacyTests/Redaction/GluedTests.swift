import GuardianPrivacy
import Testing

/// An identifier stays. A card, a key or a token stays none because an `id-` stands before it.
@Suite("What hangs on a prefix")
struct GluedTests {
    static let prefixes = [
        "id-", "id_", "ID:", "ID: ", "id=", "user-", "cus_", "ORD-", "order_", "txn-id-", "ref_", "42_", "“", "令牌", "x.", "1,",
    ]
    static let cards = [
        "4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "2221000000000009", "30569309025904",
    ]
    static let grouped = ["4111-1111-1111-1111", "4111 1111 1111 1111", "3782-822463-10005"]
    static let keys = [
        "AKIAIOSFODNN7EXAMPLE", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "xoxb-123456789012-1234567890123-abcDEF123ghi456JKL789mno", "AIzaSyDdI0hCZtE6vySjMm-WEfRq3CPzqKqqsHI", "glpat-abc123DEF456ghi789jk",
        "sk-ant-api03-abcdefghij0123456789ABCDEFGHIJ", "hvs.CAESIJabcdefghijklmnopqrstuvwxyz0123", "SKd41d8cd98f00b204e9800998ecf8427e",
        "SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "ya29.a0AfH6SMBabcdefghijklmnopqrstuvwxyz",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "sk-abcdefghij0123456789ABCDEFGHIJabcdefghij01234567", "GB82WEST12345698765432",
    ]

    @Test("A card whose check digit and network are right goes", arguments: prefixes)
    func card(prefix: String) {
        for card in Self.cards + Self.grouped {
            for tail in ["", " paid", ",x", "."] {
                let text = "got \(prefix)\(card)\(tail)"
                #expect(Redactor.standard.redact(text) == "got \(prefix)[REDACTED_CC]\(tail)")
            }
        }
    }

    @Test("A key of a known shape goes", arguments: prefixes)
    func key(prefix: String) {
        for key in Self.keys {
            let redacted = Redactor.standard.redact("got \(prefix)\(key) here")
            #expect(redacted.hasPrefix("got \(prefix)[REDACTED_") && redacted.hasSuffix("] here"), "\(prefix)\(key) -> \(redacted)")
        }
    }

    @Test(
        "More of it, in ways that are not so plain",
        arguments: [
            ("receipt_4111111111111111.pdf", "receipt_[REDACTED_CC].pdf"), ("4111111111111111_1", "[REDACTED_CC]_1"),
            ("4111111111111111/12/26", "[REDACTED_CC]/12/26"), ("4111111111111111-old", "[REDACTED_CC]-old"),
            ("42,4111111111111111,2026", "42,[REDACTED_CC],2026"), ("4111111111111111:12:26", "[REDACTED_CC]:12:26"),
            ("card5555555555554444", "card[REDACTED_CC]"), ("卡号4111111111111111", "卡号[REDACTED_CC]"),
            ("ssn-123-45-6789", "ssn-[REDACTED_SSN]"), ("ssn_123-45-6789", "ssn_[REDACTED_SSN]"), ("1,123-45-6789,2", "1,[REDACTED_SSN],2"),
            ("1,415-555-2671,2024", "1,[REDACTED_PHONE],2024"), ("電話：090-1234-5678まで", "電話：[REDACTED_PHONE]まで"),
            ("order 4111111111111111", "order [REDACTED_CC]"), ("invoice no. 5555555555554444", "invoice no. [REDACTED_CC]"),
            ("{\"order_id\":\"378282246310005\"}", "{\"order_id\":\"[REDACTED_CC]\"}"),
            ("orderID=4111111111111111", "orderID=[REDACTED_CC]"),
            ("phone_+14155552671", "phone_[REDACTED_PHONE]"), ("{\"id\":4111111111111111}", "{\"id\":\"[REDACTED_CC]\"}"),
        ])
    func others(text: String, expected: String) {
        #expect(Redactor.standard.redact(text) == expected)
        #expect(Redactor.standard.redact(expected) == expected)
    }

    @Test(
        "Identifiers stay",
        arguments: [
            "ORD-12345678 ORD-1234567890 ORD-2024-001234 order_1234567890 INV_20240115_0042", "id-12345678 id_1234567890 ID:1234567890",
            "id-550e8400-e29b-41d4-a716-446655440000 op_018f3c6e-7b1a-7c3d-9e2f-1a2b3c4d5e6f user_12345678-1234-4123-8123-123456789012",
            "id-4111111111111112 id_4111111111111112 ID:4111111111111112 order-5555555555554445 ORD-1234567890123456",
            "order 4539578763621487 order 8411111111111117 seq 4111111111111111 offset=4539578763621486 tracking 123456789012 imei=490154203237518 Order #415-555-2671",
            "epoch-1700000000 ts_1700000000123 1700000000000000 backup-20240115103000 backup_20240115_103000.tar.gz",
            "app-v4.1.1-1111 2.0.0-rc.1+20240115103000 0.4111111111111111 -0.5555555555554444 $4111111111111111 4111111111111111.50",
            "sha-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 cache-key-d41d8cd98f00b204e9800998ecf8427e",
            "41-11-11-11-11-11 00-1A-2B-3C-4D-5E 1,234,567 1 234 567,89 € 40.712776, -74.005974",
            "desk-sk-learn-model-20240115-final lang-sk-SK-page core_re_export_module_name_v2 npm_config_cache is_sk_live_mode t1.micro-large",
            "app_fw_rule_set_name_12 see-pat.example.com/page cio-office-2024 ts_rnd_seed_42 core_sk_layout_name_v2 abc8Q~short x_9Q~/1",
            "i-0123456789abcdef0 cus_NffrFeUfNV2Hib ch_3MmlLrLkdIwHu7ix0snN0B15 V1StGXR8_Z5jdHi6B-myT arn:aws:iam::123456789012:role/x",
            "/api/v1/users/12345678/orders/67890 s3://bucket/dt=2024-01-15/part-00000-1234567.parquet file_20240112_1234567.csv",
        ])
    func leaves(text: String) { #expect(Redactor.standard.redact(text) == text) }
}
