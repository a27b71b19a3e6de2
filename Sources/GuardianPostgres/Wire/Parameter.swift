internal import GuardianCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A value on its way to the server, in PostgreSQL's binary format.
enum Parameter {
    case int(Int64?)
    case int32(Int?)
    case bool(Bool?)
    case text(String?)
    case uuid(UniqueID?)
    case id(OperationID?)
    case ints([Int64?]?)
    case int32s([Int]?)
    case texts([String?]?)
    case uuids([UniqueID]?)
    case ids([OperationID]?)

    static func time(_ time: Timestamp?) -> Parameter { .int(time?.milliseconds) }

    /// The server's number of the type.
    var type: UInt32 {
        switch self {
        case .int: 20
        case .int32: 23
        case .bool: 16
        case .text: 25
        case .uuid: 2950
        case .id: 17
        case .ints: 1016
        case .int32s: 1007
        case .texts: 1009
        case .uuids: 2951
        case .ids: 1001
        }
    }

    /// Appends the value; false for NULL, which has no bytes.
    func write(to bytes: inout [UInt8]) -> Bool {
        switch self {
        case .int(let value): Self.put(value, &bytes) { Self.put($0, to: &$1) }
        case .int32(let value): Self.put(value, &bytes) { Self.put(Int32(clamping: $0), to: &$1) }
        case .bool(let value): Self.put(value, &bytes) { $1.append($0 ? 1 : 0) }
        case .text(let value): Self.put(value, &bytes) { Self.put($0, to: &$1) }
        case .uuid(let value): Self.put(value, &bytes) { Self.put($0, to: &$1) }
        case .id(let value): Self.put(value, &bytes) { Self.put($0, to: &$1) }
        case .ints(let list): Self.put(list, of: 20, &bytes) { value, bytes in Self.put(value, &bytes) { Self.put($0, to: &$1) } }
        case .int32s(let list):
            Self.put(list, of: 23, &bytes) { value, bytes in
                Self.put(Int32(clamping: value), to: &bytes)
                return true
            }
        case .texts(let list): Self.put(list, of: 25, &bytes) { value, bytes in Self.put(value, &bytes) { Self.put($0, to: &$1) } }
        case .uuids(let list):
            Self.put(list, of: 2950, &bytes) { value, bytes in
                Self.put(value, to: &bytes)
                return true
            }
        case .ids(let list):
            Self.put(list, of: 17, &bytes) { value, bytes in
                Self.put(value, to: &bytes)
                return true
            }
        }
    }

    private static func put<Value>(_ value: Value?, _ bytes: inout [UInt8], _ write: (Value, inout [UInt8]) -> Void) -> Bool {
        guard let value else { return false }
        write(value, &bytes)
        return true
    }

    /// An array of one dimension: how many dimensions, whether there may be NULLs, the type, how many, the first index; then each element
    /// behind its length.
    private static func put<Element>(
        _ list: [Element]?, of type: UInt32, _ bytes: inout [UInt8], _ write: (Element, inout [UInt8]) -> Bool
    ) -> Bool {
        guard let list else { return false }
        put(Int32(list.isEmpty ? 0 : 1), to: &bytes)
        put(Int32(1), to: &bytes)
        put(Int32(bitPattern: type), to: &bytes)
        guard !list.isEmpty else { return true }
        put(Int32(list.count), to: &bytes)
        put(Int32(1), to: &bytes)
        for element in list {
            let place = bytes.count
            put(Int32(-1), to: &bytes)
            guard write(element, &bytes) else { continue }
            let length = UInt32(bytes.count - place - 4)
            for index in 0..<4 { bytes[place + index] = UInt8(truncatingIfNeeded: length >> UInt32(24 - index * 8)) }
        }
        return true
    }

    /// No text of PostgreSQL's holds a zero byte. One that an upstream has sent becomes U+FFFD: refused, it would be refused for ever.
    private static func put(_ text: String, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        let hasZero = bytes[start...].withUnsafeBytes { added in added.baseAddress.map { memchr($0, 0, added.count) != nil } ?? false }
        guard hasZero else { return }
        let replaced = bytes[start...].flatMap { $0 == 0 ? Array("\u{FFFD}".utf8) : [$0] }
        bytes.replaceSubrange(start..., with: replaced)
    }

    private static func put(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    private static func put(_ value: UniqueID, to bytes: inout [UInt8]) {
        put(value.high, to: &bytes)
        put(value.low, to: &bytes)
    }

    private static func put(_ value: OperationID, to bytes: inout [UInt8]) { bytes.append(contentsOf: value.stored) }
}

extension OperationID {
    /// The bytes of the column `id`: a UUID's 16, or a text's and a zero; two, where 16 would come out. Texts have no zeros.
    var stored: [UInt8] {
        switch self {
        case .uuid(let uuid): return uuid.bytes
        case .text(let text):
            var bytes = Array(text.utf8)
            bytes.append(0)
            if bytes.count == 16 { bytes.append(0) }
            return bytes
        }
    }

    init?(stored bytes: UnsafeRawBufferPointer) {
        if bytes.count == 16, let uuid = UniqueID(bytes: bytes) {
            self = .uuid(uuid)
            return
        }
        guard bytes.last == 0 else { return nil }
        self = .text(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
    }
}
