#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The pages of a database file as they stand on the disk, also those to which SQLite finds no way. For a copy without a log that nobody
/// writes to.
///
/// SQLite's file format is fixed and public (https://www.sqlite.org/fileformat.html). What is not in the form that a store has counts as
/// not readable.
final class PageFile {
    let pageSize: Int
    /// Bytes of a page that hold something; the rest is reserved for extensions.
    let usable: Int
    let pageCount: Int
    private let file: Int32
    private let firstFree: Int
    private let freeCount: Int

    /// nil when it can't be read, or is none that a store is kept in: in UTF-8, and without the pages of auto-vacuum.
    init?(path: String) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        var header = [UInt8](repeating: 0, count: 100)
        var info = stat()
        let isRead = pread(file, &header, header.count, 0) == header.count && fstat(file, &info) == 0
        func int(_ place: Int) -> Int { PageFile.int(header, at: place, bytes: 4) }
        let size = PageFile.int(header, at: 16, bytes: 2)
        let pageSize = size == 1 ? 65_536 : size
        let usable = pageSize - Int(header[20])
        let isAsStores = header.starts(with: Array("SQLite format 3\0".utf8)) && int(52) == 0 && int(56) == 1
        guard isRead, isAsStores, pageSize >= 512, pageSize & (pageSize - 1) == 0, usable >= 480 else {
            close(file)
            return nil
        }
        self.file = file
        self.pageSize = pageSize
        self.usable = usable
        // What stands behind its end was cut off. Whether the header says where that is, SQLite tells by the same two numbers.
        let there = Int(info.st_size) / pageSize
        pageCount = int(28) > 0 && int(24) == int(92) ? min(int(28), there) : there
        firstFree = int(32)
        freeCount = int(36)
    }

    deinit { close(file) }

    /// The bytes of a page, the first of which has number 1.
    func bytes(_ number: Int) -> [UInt8]? {
        guard (1...max(1, pageCount)).contains(number) else { return nil }
        var bytes = [UInt8](repeating: 0, count: pageSize)
        return pread(file, &bytes, pageSize, off_t(number - 1) * off_t(pageSize)) == pageSize ? bytes : nil
    }

    /// A page of a tree; nil for what SQLite does not take for one.
    func tree(_ number: Int) -> TreePage? { bytes(number).flatMap { TreePage($0, number: number, usable: usable) } }

    /// The pages that are free, and hold what nobody needs any more; nil when the list of them is damaged.
    func freePages() -> Set<Int>? {
        var free: Set<Int> = []
        var trunk = firstFree
        while trunk != 0 {
            guard trunk > 1, free.insert(trunk).inserted, let bytes = bytes(trunk) else { return nil }
            let count = PageFile.int(bytes, at: 4, bytes: 4)
            guard count <= usable / 4 - 2 else { return nil }
            for place in 0..<count {
                let page = PageFile.int(bytes, at: 8 + 4 * place, bytes: 4)
                guard (2...max(2, pageCount)).contains(page), free.insert(page).inserted else { return nil }
            }
            trunk = PageFile.int(bytes, at: 0, bytes: 4)
        }
        return free.count == freeCount ? free : nil
    }

    /// What a cell holds, and the pages on which that goes on; nil where their chain is not exactly as long as it has to be.
    func payload(of cell: TreePage.Cell, in page: TreePage) -> (bytes: [UInt8], chain: [Int])? {
        guard cell.payload <= pageCount * usable else { return nil }
        var bytes = Array(page.bytes[cell.local])
        bytes.reserveCapacity(cell.payload)
        var chain: [Int] = []
        var next = cell.overflow
        while bytes.count < cell.payload {
            guard next > 1, chain.count < pageCount, let more = self.bytes(next) else { return nil }
            chain.append(next)
            bytes += more[4..<min(usable, 4 + cell.payload - bytes.count)]
            next = PageFile.int(more, at: 0, bytes: 4)
        }
        return next == 0 ? (bytes, chain) : nil
    }

    /// An unsigned number, the highest byte first.
    static func int(_ bytes: [UInt8], at place: Int, bytes count: Int) -> Int {
        bytes[place..<place + count].reduce(0) { $0 << 8 | Int($1) }
    }
}
