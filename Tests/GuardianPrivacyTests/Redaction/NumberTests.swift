import GuardianPrivacy
import Testing

/// Numbers as people and programs write them, and what stands next to them and is written almost so.
@Suite("Numbers in other clothes")
struct NumberTests {
    @Test(
        "A phone goes, however it is named and grouped",
        arguments: [
            ("phone # 415-555-2671", "phone # [REDACTED_PHONE]"),
            ("cell #4155552671, ph# 4155552671", "cell #[REDACTED_PHONE], ph# [REDACTED_PHONE]"),
            ("Phone #4155552671", "Phone #[REDACTED_PHONE]"), ("WhatsApp 11931670756", "WhatsApp [REDACTED_PHONE]"),
            ("WhatsApp: 4155552671", "WhatsApp: [REDACTED_PHONE]"), ("meu WhatsApp é 11931670756", "meu WhatsApp é [REDACTED_PHONE]"),
            ("caller_id=4155552671 callerId: 14155552671", "caller_id=[REDACTED_PHONE] callerId: [REDACTED_PHONE]"),
            ("手机号13812345678", "手机号[REDACTED_PHONE]"), ("Handynummer 1711234567", "Handynummer [REDACTED_PHONE]"),
            ("Mobilnummer: 1711234567", "Mobilnummer: [REDACTED_PHONE]"), ("Llámame al 612785289", "Llámame al [REDACTED_PHONE]"),
            ("Chiamami al 3479477534", "Chiamami al [REDACTED_PHONE]"), ("Me liga no 11980727250", "Me liga no [REDACTED_PHONE]"),
            ("फ़ोन नंबर 9841279216", "फ़ोन नंबर [REDACTED_PHONE]"), ("\u{95E}ोन 9841279216", "\u{95E}ोन [REDACTED_PHONE]"),
            ("kom. 695105687", "kom. [REDACTED_PHONE]"), ("ＴＥＬ 4155552671", "ＴＥＬ [REDACTED_PHONE]"),
            ("415-555-2671/415-555-2672", "[REDACTED_PHONE]/[REDACTED_PHONE]"),
            ("06 12 34 56 78/06 98 76 54 32", "[REDACTED_PHONE]/[REDACTED_PHONE]"), ("(415)\u{A0}555-2671", "[REDACTED_PHONE]"),
            ("+14155552671 (415) 555-2671", "[REDACTED_PHONE] [REDACTED_PHONE]"), ("call(+14155552671)", "call([REDACTED_PHONE])"),
            ("(+1) 415 555 2671", "[REDACTED_PHONE]"), ("08-12 34 56", "[REDACTED_PHONE]"),
        ])
    func phones(text: String, expected: String) { check(text, expected) }

    @Test(
        "Full-width digits are digits",
        arguments: [
            ("０９０-１２３４-５６７８", "[REDACTED_PHONE]"), ("電話０３−１２３４−５６７８まで", "電話[REDACTED_PHONE]まで"),
            ("ＴＥＬ：０９０１２３４５６７８", "ＴＥＬ：[REDACTED_PHONE]"), ("０３（１２３４）５６７８です", "[REDACTED_PHONE]です"),
            ("２０２４年に電話０９０－１２３４－５６７８へ", "２０２４年に電話[REDACTED_PHONE]へ"),
            ("カード４１１１　１１１１　１１１１　１１１１", "カード[REDACTED_CC]"),
            ("０９０-１２３４-５６７８と０８０-１２３４-５６７８", "[REDACTED_PHONE]と[REDACTED_PHONE]"),
        ])
    func fullWidth(text: String, expected: String) { check(text, expected) }

    @Test(
        "Lists of phones go whole, and what stands beside a phone stays",
        arguments: [
            ("06 12 34 56 78 06 98 76 54 32", "[REDACTED_PHONE] [REDACTED_PHONE]"),
            ("06 12 34 56 78 07 98 76 54 32 01 23 45 67 89 2024", "[REDACTED_PHONE] [REDACTED_PHONE] [REDACTED_PHONE] 2024"),
            ("10:30 06 12 34 56 78 10:45", "10:30 [REDACTED_PHONE] 10:45"), ("05/03/24 06 12 34 56 78", "05/03/24 [REDACTED_PHONE]"),
            ("06 12 34 56 78 24h/24", "[REDACTED_PHONE] 24h/24"), ("3 020 7946 0958 12", "3 [REDACTED_PHONE] 12"),
            ("account 06 12 34 56 78", "account [REDACTED_PHONE]"),
        ])
    func beside(text: String, expected: String) { check(text, expected) }

    @Test(
        "Cards and tracks of their stripes go",
        arguments: [
            ("%B4111111111111111^DOE/JOHN^2612101?", "%B[REDACTED_CC]^DOE/JOHN^2612101?"), ("card 4222222222222", "card [REDACTED_CC]"),
            ("account 4111111111111111", "account [REDACTED_CC]"), ("carte 0123 4567 8901 2345", "carte [REDACTED_CC]"),
            ("0123-4567-8901-2345", "[REDACTED_CC]"), ("4222 2222 2222 2", "[REDACTED_CC]"),
        ])
    func cards(text: String, expected: String) { check(text, expected) }

    @Test(
        "What only looks like it stays",
        arguments: [
            "Order #415-555-2671 call #4155552671 phone_id=4155552671 user_id: 4155552671 cell_id=1234567890",
            "Öffnungszeiten 08-12 13-18", "Mo-Fr 08-12 14-18", "05 09 2025 14 43", "27 01 2026 20 27", "2024 03 12 08 15 02",
            "lottery 03 14 22 35 41 49", "01 02 03 04 05 06 07 08", "9400 1355 6823 0433 3271 33", "CP 473 058 719 SE",
            "荷物CP 520 975 659 SEを配達",
            "NDC 06030-604-75, NDC 0831-5106-98", "PN 072-4123-64", "GTIN 00643169007222", "ppg 66680 46348; ecg 66680 46348",
            "Kundennummer 0612345678", "account 0612345678", "GTIN 4366231849358", "scanned 4262247545041 ok",
            "0000000 1f8b 0800 0000 0000 0003", "２０２４−０１−１５ １０：３０", "注文番号１２３４５６７８９０", "%B4 %B411 %B4111111111111111",
        ])
    func leaves(text: String) { #expect(Redactor.standard.redact(text) == text) }

    @Test("In JSON a name says the same")
    func json() {
        let text = #"{"callerId":14155552671,"account":{"owner":"06 12 34 56 78"},"gtin":"4366231849358","code":"4076309556773"}"#
        let expected =
            #"{"callerId":"[REDACTED_PHONE]","account":{"owner":"[REDACTED_PHONE]"},"gtin":"4366231849358","code":"4076309556773"}"#
        #expect(Redactor.standard.redact(json: text) == expected)
    }

    private func check(_ text: String, _ expected: String) {
        #expect(Redactor.standard.redact(text) == expected)
        #expect(Redactor.standard.redact(expected) == expected)
    }
}
