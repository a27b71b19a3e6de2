/// How numbers are written at home and abroad, by locale. See ``Corpus/fill(_:)`` for the letters.
enum Phones {
    struct Locale: Sendable {
        let name: String
        let patterns: [String]
    }

    static let byLocale: [Locale] = [
        Locale(
            name: "en_US",
            patterns: [
                "(X##) X##-####", "X##-X##-####", "X##.X##.####", "+1 X## X## ####", "+1-X##-X##-####", "+1X##X######", "1-800-X##-####",
                "+1 (X##) X##-####", "(X##)X##-####", "X##-X##-#### ext. 12", "X##-X##-####x456", "001-X##-X##-####",
            ]),
        Locale(
            name: "en_GB",
            patterns: [
                "020 7### ####", "07### ######", "07#########", "+44 20 7### ####", "+44 7### ######", "+447#########", "0161 496 ####",
                "(020) 7### ####", "+44 (0)20 7### ####", "01632 96####", "0800 0## ####", "0044 20 7### ####",
            ]),
        Locale(
            name: "de_DE",
            patterns: [
                "030 N######", "030/N#######", "0171 N######", "0151 N#######", "+49 30 N#######", "+49 (0)30 N######", "+4915N########",
                "(030) N######", "089-N#######", "0049 89 N######", "030 12 34 56 78", "+49-171-N######",
            ]),
        Locale(
            name: "fr_FR",
            patterns: [
                "01 ## ## ## ##", "06 ## ## ## ##", "06.##.##.##.##", "06-##-##-##-##", "06########", "+33 6 ## ## ## ##", "+336########",
                "+33 (0)1 ## ## ## ##", "0033 6 ## ## ## ##",
            ]),
        Locale(
            name: "es_ES",
            patterns: ["6## ### ###", "91 ### ## ##", "6## ## ## ##", "+34 6## ### ###", "+346########", "9## ### ###", "+34 91 ### ## ##"]),
        Locale(
            name: "it_IT",
            patterns: [
                "06 N### ####", "02 N#######", "3## ### ####", "3## N######", "+39 06 N### ####", "+393#########", "0541 N#####",
                "+39 3## ### ####",
            ]),
        Locale(
            name: "nl_NL",
            patterns: [
                "06 N#######", "06-N#######", "020 N## ####", "020-N######", "+31 6 N#######", "+316########", "0612345###",
                "+31 (0)20 N## ####",
            ]),
        Locale(
            name: "pt_BR",
            patterns: [
                "(11) 9####-####", "(21) N###-####", "11 9####-####", "+55 11 9####-####", "+55119########", "(11)9####-####",
                "+55 (11) 9####-####",
            ]),
        Locale(
            name: "en_IN",
            patterns: ["9#### #####", "+91 9#### #####", "+919#########", "09#########", "98###-#####", "+91-9#########", "022 2### ####"]),
        Locale(
            name: "ja_JP",
            patterns: [
                "03-N###-####", "090-N###-####", "080-N###-####", "(03) N###-####", "0120-N##-###", "+81 3 N### ####", "+81-90-N###-####",
                "06-N###-####",
            ]),
        Locale(
            name: "pl_PL", patterns: ["60# ### ###", "22 N## ## ##", "60#-###-###", "+48 60# ### ###", "+4860#######", "+48 22 N## ## ##"]),
        Locale(
            name: "sv_SE",
            patterns: [
                "08-N## ### ##", "070-N## ## ##", "070N######", "+46 8 N## ### ##", "+46 70 N## ## ##", "0701-N# ## ##", "031-N## ## ##",
            ]),
        Locale(name: "de_CH", patterns: ["044 N## ## ##", "079 N## ## ##", "+41 44 N## ## ##"]),
        Locale(name: "en_AU", patterns: ["04## ### ###", "(02) 9### ####", "+61 4## ### ###", "1300 N## ###"]),
        Locale(name: "tr_TR", patterns: ["0532 N## ## ##", "+90 532 N## ## ##"]),
        Locale(name: "ru_RU", patterns: ["8 (912) N##-##-##", "+7 912 N##-##-##", "8-912-N##-##-##"]),
        Locale(name: "zh_CN", patterns: ["138 N### ####", "+86 138 N### ####", "138-N###-####"]),
        Locale(name: "ko_KR", patterns: ["010-N###-####", "02-N##-####", "+82 10-N###-####"]),
    ]
}

/// Keys whose shape says whose they are.
enum Keys {
    static let patterns = [
        "AKIAHAAAAAAAAAAAAAAA", "ghp_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb7", "github_pat_bbbbbbbbbbbbbbbbbbbbbb_bbbbbbbbbbbbbbbb7",
        "glpat-bbbbbbbbbbbbbbbbbbb7",
        "\\x\\oxb-############-bbbbbbbbbbbbbbbbbbbbbbb7", "sk_live_bbbbbbbbbbbbbbbbbbbbbbb7", "sk-proj-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb7",
        "AI\\z\\abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb7", "SG.bbbbbbbbbbbbbbbbbbbbbb.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb7",
        "SKhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh7",
        "npm_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb7", "dop_v1_hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh7",
        "s\\hpat_hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh7",
        "\\hf_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb7", "sk-ant-api03-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb7",
        "GOCSP\\X-bbbbbbbbbbbbbbbbbbbbbbbbbbb7",
    ].map(plain)

    /// Letters of a prefix stand for themselves.
    private static func plain(_ pattern: String) -> String {
        let prefixes = [
            "AKIA", "ghp_", "github_pat_", "glpat-", "\\x\\oxb-", "sk_live_", "sk-proj-", "AI\\z\\a", "SG", "SK", "npm_", "dop_v1_",
            "s\\hpat_", "\\hf_",
            "sk-ant-api03-", "GOCSP\\X-",
        ]
        guard let prefix = prefixes.filter({ pattern.hasPrefix($0) }).max(by: { $0.count < $1.count }) else { return pattern }
        return prefix.replacing("\\", with: "").map { "\\\($0)" }.joined() + pattern.dropFirst(prefix.count)
    }
}
