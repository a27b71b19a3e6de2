/// What the words before a number say of it.
enum NumberContext: UInt8, Sendable {
    case none
    /// Somebody can be called there.
    case phone
    /// It counts, measures or names a thing.
    case identifier
    /// It names something that is paid for: what is paid with is written there by mistake.
    case purchase
    /// An account's, or a part's (`PN`). As a name it says nothing: all that an account has stands under it, and a `pn` may be a phone.
    case account
    case socialSecurity
    /// One pays with it.
    case card
    /// `id` alone: it names something, and what that is nothing says.
    case id

    /// Whether nobody can be called there.
    var isOfThing: Bool { self == .identifier || self == .purchase || self == .account || self == .id }

    /// What a name says of the numbers that stand under it.
    static func of(name: UnsafeBufferPointer<UInt8>) -> NumberContext {
        guard let base = name.baseAddress, name.count >= 2 else { return .none }
        return NumberContextScan(base: base, floor: 0).context(before: name.count, isName: true)
    }

    /// Whether the word before `start` is `word` (in lower case).
    static func names(_ word: StaticString, before start: Int, in scan: RedactionScan) -> Bool {
        var end = start
        while end > scan.copied, start - end < 4, scan.kind(end - 1) & ByteClass.word == 0 { end -= 1 }
        let first = end - word.utf8CodeUnitCount
        return first >= scan.copied && scan.beginsLowered(word, at: first)
    }

    /// By the first 8 bytes of a word in lower case.
    static let words: [UInt64: NumberContext] = {
        var words: [UInt64: NumberContext] = [:]
        func add(_ text: String, _ context: NumberContext) {
            for word in text.split(separator: " ") { words[pack(word)] = context }
        }
        add(
            """
            phone phones telephone tel tele mobile mobil mob cell cellphone cellular fax call calls called caller callback \
            calling callee dial \
            dialed dialled dialing sms text texted texting whatsapp contact contacts contacted reach ring rang msisdn signal \
            telegram hotline \
            handy telefon telefonnummer telefono teléfono telefone telefoon téléphone portable mobiltelefon móvil movil celular cellulare \
            fone gsm nummer anrufen rufnummer rückruf ruf appelez appeler joindre llame llamar llama chiama chiamare ligue ligar \
            bel bellen \
            ring ringa zadzwoń zadzwon numer komórka komorka telefonu tlf telf puhelin puh 電話 電話番号 携帯 携帯電話 連絡先 电话 手机 тел \
            телефон फोन मोबाइल 전화 phonenumber mobilenumber faxnumber landline pager helpline número numero numéro dzwoń kontakt contato \
            contacto contatto ph whats handynummer mobilnummer llámame chiamami liga kom 手机号 फ़ोन \u{95E}ोन ＴＥＬ
            """, .phone)
        add(
            """
            tracking track sku isbn issn serial sn epoch timestamp timestamps ts time times unix unixtime seq sequence offset pid tid size \
            bytes byte length len count counts total \
            amount price cost version ver build batch job jobs case po item items product products part ean upc barcode \
            port duration latency ms ns us hash commit sha rev revision block height row rows line lines page index idx num_ max min limit \
            uid gid user_id session request requests trace span node shard partition shipment parcel package asset device sensor lot model \
            catalog article artikel asin code zip postal postcode elapsed took ttl expires expiry at on since until score value \
            population files users records operations ops entries messages events queue depth offset pos position lat lon lng latitude \
            longitude coordinates coord alt steps step frame ticks counter errors retries attempts checksum crc mrn claim policy \
            vin imei iccid \
            container pod thread process memory heap rss free used avail available snowflake uuid guid confirmation ndc gtin ppg ecg adc
            """, .identifier)
        add(
            """
            order orders ordernumber ref refs reference invoice invoices inv ticket tickets transaction txn tx receipt \
            bestellung commande pedido ordine zamówienie auftrag rechnung facture factura fattura \
            bestelling beställning kundennummer 注文 注文番号 订单
            """, .purchase)
        add("account accounts pn", .account)
        add("id ids", .id)
        add("ssn social sozial", .socialSecurity)
        add(
            "card cards visa mastercard mastercd amex maestro discover diners jcb unionpay cc pan credit debit karte kreditkarte carte "
                + "tarjeta kartennummer carta cartão cartao kort kaart creditcard karta kartą カード 卡 карта", .card)
        // These follow a phone's name as often: they say nothing alone.
        for word in ["at", "on", "number", "value", "code", "max", "min"] { words[pack(word)] = nil }
        return words
    }()

    /// Words behind which `#` stands for `number`: `phone # 415…`.
    static let numbered = packed("phone telephone tel mobile mob cell cellphone ph fax handy whatsapp landline pager hotline")
    /// Whose id is a number: `caller_id`.
    static let identified = packed("caller whatsapp")

    private static func packed(_ words: String) -> Set<UInt64> { Set(words.split(separator: " ").map(pack)) }

    static func pack(_ word: some StringProtocol) -> UInt64 { word.utf8.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
}

/// Reads words from right to left.
struct NumberContextScan {
    let base: UnsafePointer<UInt8>
    let floor: Int

    /// What the words in the 48 bytes before `end` say; the nearest that says something decides. For a name, all of it is looked at.
    func context(before end: Int, isName: Bool = false) -> NumberContext {
        var index = end
        let stop = max(floor, end - 48)
        var words = 0
        while index > stop, words < 5 {
            let byte = base[index - 1]
            if ByteClass.table[Int(byte)] & (ByteClass.letter | ByteClass.high) == 0 {
                if byte == UInt8(ascii: "\n") { return .none }
                if byte == UInt8(ascii: "#"), words == 0 { return thing(before: index - 1, stop, phones: NumberContext.numbered) ?? .id }
                // A number between says that the word before it was about that one; so does the end of a clause.
                if ByteClass.table[Int(byte)] & ByteClass.digit != 0, !isName { return .none }
                if byte == UInt8(ascii: ";") || byte == UInt8(ascii: ","), words == 0, index < end { return .none }
                index -= 1
                continue
            }
            let wordEnd = index
            index = startOfWord(index, stop)
            words += 1
            let isJoined = wordEnd < end && base[wordEnd] == UInt8(ascii: "_") || isName && words == 1
            switch word(index, wordEnd, last: isJoined || words == 1) {
            case .none: if isSuffix(index, wordEnd), index > stop, isJoint(base[index - 1]) { return .identifier }
            case .account where isName: continue
            case .id where words > 2: return .none
            case .id: return compound(index, stop) ?? .id
            case let found:
                // `order` three words before says little of a number.
                if found.isOfThing, words > 2 { return .none }
                return found
            }
        }
        return .none
    }

    /// `order_id`, `orderID`, `order id`: the id of something that says what it is. nil when it says nothing.
    private func compound(_ start: Int, _ stop: Int) -> NumberContext? {
        guard start > stop else { return nil }
        let isOne = isJoint(base[start - 1]) || base[start - 1] == UInt8(ascii: "-") || base[start - 1] == UInt8(ascii: ".")
        let end = isOne ? start - (isAlphabetic(base[start - 1]) ? 0 : 1) : start
        return thing(before: end, stop, phones: NumberContext.identified) ?? (isOne ? .identifier : nil)
    }

    /// What the word before `end`, and before a space, says when it is a thing's that has numbers, or one of `phones`.
    private func thing(before end: Int, _ stop: Int, phones: Set<UInt64>) -> NumberContext? {
        let end = end > stop && base[end - 1] == UInt8(ascii: " ") ? end - 1 : end
        let start = startOfWord(end, stop)
        guard start < end else { return nil }
        let found = word(start, end, last: false)
        if found == .phone { return phones.contains(packed(start, end)) ? found : nil }
        return found == .identifier || found == .purchase ? found : nil
    }

    private func isAlphabetic(_ byte: UInt8) -> Bool { ByteClass.table[Int(byte)] & ByteClass.letter != 0 }

    private func isJoint(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "_") || ByteClass.table[Int(byte)] & ByteClass.letter != 0 }

    /// Goes back to a space, a mark or a hump.
    private func startOfWord(_ end: Int, _ stop: Int) -> Int {
        var index = end
        while index > stop {
            let byte = base[index - 1]
            guard ByteClass.table[Int(byte)] & (ByteClass.letter | ByteClass.high) != 0 else { break }
            index -= 1
            // The capital of a hump begins a word.
            if byte &- 65 < 26, index > stop, base[index - 1] &- 97 < 26 { break }
        }
        return index
    }

    private func word(_ start: Int, _ end: Int, last: Bool) -> NumberContext {
        let packed = packed(start, end)
        if let found = NumberContext.words[packed] { return found }
        // Plurals and compounds: `phones`, `phonenumber`, `orderid`.
        guard end - start > 4 else { return .none }
        let head = packed >> UInt64(8 * max(0, min(end - start, 8) - 5))
        return head == Self.phone ? .phone : head == Self.order ? .purchase : .none
    }

    /// As ``NumberContext/pack(_:)``.
    private func packed(_ start: Int, _ end: Int) -> UInt64 {
        var packed: UInt64 = 0
        for index in start..<min(end, start + 8) { packed = packed << 8 | UInt64(ByteClass.lowered(base[index])) }
        return packed
    }

    /// `created_at`, `userID`, `retryCount`
    private func isSuffix(_ start: Int, _ end: Int) -> Bool {
        end - start == 2 && ByteClass.lowered(base[start]) == UInt8(ascii: "a") && ByteClass.lowered(base[start + 1]) == UInt8(ascii: "t")
            || end - start == 2 && ByteClass.lowered(base[start]) == UInt8(ascii: "o")
                && ByteClass.lowered(base[start + 1]) == UInt8(ascii: "n")
    }

    private static let phone = NumberContext.pack("phone")
    private static let order = NumberContext.pack("order")
}
