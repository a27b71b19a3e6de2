/// Rules and keys by path, as a tree of names: a merge walks it beside the entity, so a lookup costs one name.
struct PathTree: Sendable {
    var rule: ThreeWayMerge.Rule?
    /// For an array: the member that tells its elements apart.
    var key: String?
    private var children: [ExactText: PathTree] = [:]

    /// What is said below a member of that name.
    subscript(name: String) -> PathTree { children[ExactText(name)] ?? PathTree() }

    /// Of the elements of an array that is merged by key: what is said below it, without what is said of the array.
    var ofElements: PathTree {
        var tree = self
        tree.rule = nil
        tree.key = nil
        return tree
    }

    /// Changes what is said at a dotted path.
    mutating func edit(_ path: String, _ change: (inout PathTree) -> Void) {
        edit(path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)[...], change)
    }

    private mutating func edit(_ names: ArraySlice<String>, _ change: (inout PathTree) -> Void) {
        guard let name = names.first else { return change(&self) }
        children[ExactText(name), default: PathTree()].edit(names.dropFirst(), change)
    }
}
