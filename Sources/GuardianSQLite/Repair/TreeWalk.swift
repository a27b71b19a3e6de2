/// All pages that can be reached from the root of one tree, and which rowids of a table stand where they can't be.
struct TreeWalk {
    /// A page that is none of this tree.
    struct Break {
        /// Which rowids stand in it or below it.
        var rowids: ClosedRange<Int64>
        var depth: Int
    }

    /// All that some page of the tree points to, readable or not.
    private(set) var pages: Set<Int> = []
    /// By rising rowids.
    private(set) var breaks: [Break] = []
    private var leafDepth: Int?
    private let file: PageFile

    init(_ file: PageFile, root: Int) {
        self.file = file
        let isTable = file.tree(root)?.isTable ?? true
        visit(root, isTable, Int64.min...Int64.max, depth: 0)
    }

    /// Rowids that no way leads to.
    var unreachable: [ClosedRange<Int64>] { breaks.map(\.rowids) }

    /// Those of them whose leaf may stand whole elsewhere in the file, as the break is above the leaves. What stood on a leaf that is damaged
    /// itself is gone: another page with such rows would be an old copy.
    var cutOff: [ClosedRange<Int64>] {
        breaks.filter { at in leafDepth.map { at.depth < $0 } ?? true }.map(\.rowids)
    }

    private mutating func visit(_ number: Int, _ isTable: Bool, _ rowids: ClosedRange<Int64>, depth: Int) {
        // A tree is never so deep; one that is would be a circle of pages that differ.
        guard pages.insert(number).inserted, depth < 30, let page = file.tree(number), page.isTable == isTable else {
            breaks.append(Break(rowids: rowids, depth: depth))
            return
        }
        if page.isLeaf {
            leafDepth = max(leafDepth ?? 0, depth)
            return
        }
        if isTable {
            // Up to the rowid of each cell stands what is in its child.
            let ends = page.cells.map(\.rowid)
            let rise = zip(ends, ends.dropFirst()).allSatisfy { $0 < $1 }
            guard rise, ends.allSatisfy({ rowids.contains($0) && $0 < rowids.upperBound }) else {
                breaks.append(Break(rowids: rowids, depth: depth))
                return
            }
        }
        var low = rowids.lowerBound
        for cell in page.cells {
            guard let child = cell.child else { continue }
            visit(child, isTable, isTable ? low...cell.rowid : rowids, depth: depth + 1)
            if isTable { low = cell.rowid + 1 }
        }
        visit(page.lastChild, isTable, low...rowids.upperBound, depth: depth + 1)
    }
}
