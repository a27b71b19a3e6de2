internal import GRDB

/// How the pages of a damaged file hang together: which belong to a tree, which are free, and which leaves nothing points to.
final class FileLayout {
    let file: PageFile
    /// By the name of the table or index.
    private let roots: [String: Int]
    /// All pages to which the root of some tree leads, readable or not.
    private(set) lazy var reached = roots.values.reduce(into: TreeWalk(file, root: 1).pages) { pages, root in
        pages.formUnion(TreeWalk(file, root: root).pages)
    }
    /// nil when that is not known: the list of them is damaged, or names a page that is in use.
    private(set) lazy var free = file.freePages().flatMap { $0.isDisjoint(with: reached) ? $0 : nil }
    /// Leaves of tables that belong to no tree and are not free: a page above them is damaged. None where it is not known what is free, as a
    /// page keeps what stood on it when it was freed.
    private(set) lazy var looseLeaves = findLooseLeaves()

    /// nil where not even the schema can be read. `db` is the file at `path`, whose log has been copied back into it.
    init?(_ db: Database, path: String) {
        guard let file = PageFile(path: path) else { return nil }
        do {
            var roots: [String: Int] = [:]
            for row in try Row.fetchAll(db, sql: "SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0") {
                guard let name = String.fromDatabaseValue(row[0]), let root = Int.fromDatabaseValue(row[1]) else { return nil }
                roots[name] = root
            }
            self.roots = roots
        } catch {
            return nil
        }
        self.file = file
    }

    /// nil where there is no such table or index.
    func tree(_ name: String) -> TreeWalk? { roots[name].map { TreeWalk(file, root: $0) } }

    /// What an index of one column says of rows that are `wanted`, as far as its pages can be read: that column's value, by rowid.
    func entries(ofIndex name: String, _ wanted: (Int64) -> Bool) -> [Int64: DatabaseValue] {
        var found: [Int64: DatabaseValue] = [:]
        for number in tree(name)?.pages ?? [] {
            guard let page = file.tree(number), !page.isTable else { continue }
            for cell in page.cells {
                guard let entry = file.payload(of: cell, in: page).flatMap({ StoredRecord.values($0.bytes) }), entry.count == 2,
                    case .int64(let rowid) = entry[1].storage, wanted(rowid)
                else { continue }
                found[rowid] = entry[0]
            }
        }
        return found
    }

    private func findLooseLeaves() -> [Int] {
        guard let free, file.pageCount > 1 else { return [] }
        return (2...file.pageCount).filter { number in
            guard !reached.contains(number), !free.contains(number), let page = file.tree(number) else { return false }
            return page.isTable && page.isLeaf && page.isPacked
        }
    }
}
