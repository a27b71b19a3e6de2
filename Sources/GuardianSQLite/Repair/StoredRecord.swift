internal import Foundation
internal import GRDB

/// The values of a row or of an index entry, as they stand in a page.
enum StoredRecord {
    /// nil for bytes that are no record from their first to their last, or hold a text that is none.
    static func values(_ bytes: [UInt8]) -> [DatabaseValue]? {
        var at = 0
        guard let head = TreePage.varint(bytes, &at, bytes.count), head <= UInt64(bytes.count) else { return nil }
        let end = Int(head)
        var body = end
        var values: [DatabaseValue] = []
        while at < end {
            guard let kind = TreePage.varint(bytes, &at, end), let length = length(kind), length <= bytes.count - body,
                let value = value(kind, bytes[body..<body + length])
            else { return nil }
            values.append(value)
            body += length
        }
        return body == bytes.count ? values : nil
    }

    private static func length(_ kind: UInt64) -> Int? {
        switch kind {
        case 0, 8, 9: 0
        case 1...4: Int(kind)
        case 5: 6
        case 6, 7: 8
        case 12...(1 << 32): Int(kind - 12) / 2
        default: nil
        }
    }

    private static func value(_ kind: UInt64, _ bytes: ArraySlice<UInt8>) -> DatabaseValue? {
        switch kind {
        case 0: return .null
        case 1...6:
            // Two's complement, the highest byte first.
            let start: Int64 = bytes.first.map { $0 >= 0x80 } == true ? -1 : 0
            return bytes.reduce(start) { $0 << 8 | Int64($1) }.databaseValue
        case 7: return Double(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) }).databaseValue
        case 8, 9: return Int64(kind - 8).databaseValue
        default:
            if kind.isMultiple(of: 2) { return Data(bytes).databaseValue }
            return String(validating: bytes, as: UTF8.self)?.databaseValue
        }
    }
}
