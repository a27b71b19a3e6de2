internal import GuardianCore

/// The bytes of one row's texts and ids, which stay where they are until the row is stored, so that SQLite need not copy each.
final class RowBytes {
    private var memory: UnsafeMutableRawBufferPointer
    private var used = 0

    init() { memory = .allocate(byteCount: 4096, alignment: 16) }
    deinit { memory.deallocate() }

    /// Makes room for a row of at most `count` bytes; what was put before is gone.
    func begin(_ count: Int) {
        used = 0
        // A large row's room is given back with the next small one.
        if count > memory.count || memory.count > 1 << 16 && count <= 4096 {
            memory.deallocate()
            memory = .allocate(byteCount: max(count, 4096), alignment: 16)
        }
    }

    func put(_ text: String) -> UnsafeRawBufferPointer {
        var text = text
        return text.withUTF8 { bytes in
            let place = UnsafeMutableRawBufferPointer(rebasing: memory[used..<used + bytes.count])
            place.copyMemory(from: UnsafeRawBufferPointer(bytes))
            used += bytes.count
            return UnsafeRawBufferPointer(place)
        }
    }

    func put(_ id: UniqueID) -> UnsafeRawBufferPointer {
        let place = UnsafeMutableRawBufferPointer(rebasing: memory[used..<used + 16])
        place.storeBytes(of: id.high.bigEndian, toByteOffset: 0, as: UInt64.self)
        place.storeBytes(of: id.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        used += 16
        return UnsafeRawBufferPointer(place)
    }
}
