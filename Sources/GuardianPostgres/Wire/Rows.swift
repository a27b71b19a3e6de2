internal import CLibPQ
internal import GuardianCore

/// What the server answered to one statement, in binary.
final class Rows: Sequence {
    private let result: OpaquePointer
    let count: Int

    /// Takes the result over.
    init(_ result: OpaquePointer) {
        self.result = result
        count = Int(PQntuples(result))
    }

    deinit { PQclear(result) }

    /// How many rows a statement without an answer has changed.
    var changed: Int {
        guard let text = PQcmdTuples(result) else { return 0 }
        return Int(String(cString: text)) ?? 0
    }

    var first: Row? { count > 0 ? Row(rows: self, index: 0) : nil }

    var last: Row? { count > 0 ? Row(rows: self, index: Int32(count - 1)) : nil }

    func makeIterator() -> AnyIterator<Row> {
        var next: Int32 = 0
        return AnyIterator {
            guard next < self.count else { return nil }
            defer { next += 1 }
            return Row(rows: self, index: next)
        }
    }

    fileprivate func bytes(_ row: Int32, _ column: Int32) -> UnsafeRawBufferPointer? {
        guard PQgetisnull(result, row, column) == 0 else { return nil }
        return UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column)))
    }
}

/// One row; columns count from 0.
struct Row {
    let rows: Rows
    let index: Int32

    func isNull(_ column: Int32) -> Bool { rows.bytes(index, column) == nil }

    /// An integer of 2, 4 or 8 bytes; 0 for NULL.
    func int(_ column: Int32) -> Int64 { optionalInt(column) ?? 0 }

    func optionalInt(_ column: Int32) -> Int64? {
        guard let bytes = rows.bytes(index, column) else { return nil }
        return switch bytes.count {
        case 8: Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
        case 4: Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
        case 2: Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
        default: nil
        }
    }

    func time(_ column: Int32) -> Timestamp? { optionalInt(column).map { Timestamp(milliseconds: $0) } }

    func bool(_ column: Int32) -> Bool { rows.bytes(index, column)?.first == 1 }

    func text(_ column: Int32) -> String? { rows.bytes(index, column).map { String(decoding: $0, as: UTF8.self) } }

    func uuid(_ column: Int32) throws -> UniqueID {
        guard let bytes = rows.bytes(index, column), let id = UniqueID(bytes: bytes) else {
            throw StoreError.corrupt("a UUID column does not hold 16 bytes")
        }
        return id
    }

    func operationID(_ column: Int32) throws -> OperationID {
        guard let bytes = rows.bytes(index, column), let id = OperationID(stored: bytes) else {
            throw StoreError.corrupt("an operation has no id")
        }
        return id
    }

    /// A one-dimensional array of `bigint` without NULLs.
    func ints(_ column: Int32) -> [Int64] {
        guard let bytes = rows.bytes(index, column), bytes.count > 20 else { return [] }
        let count = Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 12, as: Int32.self)))
        guard bytes.count >= 20 + count * 12 else { return [] }
        return (0..<count).map { Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: 24 + $0 * 12, as: Int64.self)) }
    }
}
