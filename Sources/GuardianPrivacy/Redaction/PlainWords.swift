/// Words that stand behind a sensitive name in a sentence and are no secret: `token: expired`, `password: must be longer`.
struct PlainWords: Sendable {
    static let standard = PlainWords()

    private let formal: Set<UInt128>
    private let prose: Set<UInt128>

    private init() {
        func packed(_ words: String) -> Set<UInt128> { Set(words.split(separator: " ").map(NameWords.pack)) }
        formal = packed("null nil none true false undefined yes no on off ok required optional string")
        prose = formal.union(
            packed(
                """
                the a an this that your our their is was are were be been not must should cannot can could may might will would \
                has have had \
                please invalid expired expires missing revoked incorrect wrong empty unknown unset set changed updated created \
                deleted reset \
                failed failure success successful rejected accepted refreshed refresh refreshing valid verified provided too with \
                without for \
                from to of in on at and or but if when only field value values length format error errors denied unauthorized forbidden \
                disabled enabled number hidden redacted masked default example per by see use used using enter mismatch malformed present \
                absent sent received generated issued rotated validation authentication authorization cannot could does do did need needs \
                minimum maximum min max at least more less than characters chars digits new old retry retrying try again unexpected \
                unsupported parse parsing decode decoding signature key found stored loaded cached between contains it its they we you \
                incomplete insufficient bad good weak strong short long match matches any all every each some where which who as so such \
                header invalide incorrecte requis obligatoire
                """))
    }

    func contains(_ start: UnsafePointer<UInt8>, _ length: Int, formal isFormal: Bool) -> Bool {
        guard length <= 16 else { return false }
        var word: UInt128 = 0
        for index in 0..<length {
            let byte = start[index]
            // A comma or a colon that has stayed on the word.
            if index == length - 1, byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "!") { break }
            guard ByteClass.table[Int(byte)] & ByteClass.letter != 0 else { return false }
            word = word << 8 | UInt128(ByteClass.lowered(byte))
        }
        return isFormal ? formal.contains(word) : prose.contains(word)
    }
}
