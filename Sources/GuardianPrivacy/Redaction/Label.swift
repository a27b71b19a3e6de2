/// Members that name the value beside them: `{"name":"DB_PASSWORD","value":"…"}`.
enum Label {
    /// Whether a member of that name says what the one called `value` holds.
    static func announces(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        switch name.count {
        case 3: isSame("key", name)
        case 4: isSame("name", name) || isSame("type", name)
        case 5: isSame("field", name) || isSame("param", name)
        case 6: isSame("header", name)
        case 8: isSame("variable", name)
        case 9: isSame("parameter", name)
        default: false
        }
    }

    static func isValue(_ name: UnsafeBufferPointer<UInt8>) -> Bool { name.count == 5 && isSame("value", name) }

    /// What `text` says of the value beside it: nothing when it is no name, or when what stands there may be harmless all the same.
    static func verdict(_ text: UnsafeBufferPointer<UInt8>, _ names: SensitiveNames) -> SensitiveNames.Verdict {
        guard text.count <= NameWords.mostBytes, text.allSatisfy(isPart) else { return .harmless }
        let found = names.verdict(text)
        return found == .counted || found == .weak ? .harmless : found
    }

    private static func isPart(_ byte: UInt8) -> Bool {
        ByteClass.table[Int(byte)] & ByteClass.word != 0 || "-.$".utf8.contains(byte)
    }

    /// `word` is as long as `name`.
    private static func isSame(_ word: StaticString, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
        name.indices.allSatisfy { ByteClass.lowered(name[$0]) == word.utf8Start[$0] }
    }
}
