/// When the write-ahead log is copied back into the file, and by whom: a value, for one process that commits by one connection, and copies
/// by that one and by another beside it.
///
/// **A copy beside the writer never begins on a log that is copied to its end.** SQLite 3.7.0 to 3.51.2 may lose commits, or damage the
/// file, when it does: such a log begins anew with the next commit, the copy that has just begun does not notice, and it notes as copied
/// what stands at the log's beginning by then (https://sqlite.org/wal.html#walresetbug; docs/decisions/0045). It can't here:
/// 1. Only one connection copies at a time, and it is the one from the moment at which it was chosen: between the choice of a copy beside
///    the writer and its beginning nobody else copies.
/// 2. One is chosen after a commit that left more in the log than was ever copied of it, so that the log is not copied to its end. It stays
///    so until that very copy ends, as by 1 no other does it, and a log that is not copied to its end does not begin anew.
/// 3. The writer copies on its own queue, where it commits too, so that no commit of its own meets its copies.
///
/// Other processes (and other stores on the same file) know nothing of this plan, nor this one of theirs. What the writer copies meets no
/// commit of theirs, as it holds the write lock meanwhile (``Checkpointer``); a copy beside it could, if another process copied the log to
/// its end in the moment between 2 and the beginning.
package struct CopyPlan: Sendable {
    /// Who has something to copy after a commit.
    package enum Turn: Sendable, Equatable {
        case nobody
        /// The connection beside the writer. It is the one that copies already; `round` goes to ``end(round:copied:)``.
        case beside(round: Int)
        /// Where the log is far too long, after the copy beside it that is under way.
        case writer
    }

    /// Pages of the log at which the writer copies what is left, and at which it waits for readers too.
    private let limit: Int
    private let most: Int
    /// Pages at which the next copy beside the writer begins.
    private var next: Int
    /// What the log had at the last look: fewer now mean that it has begun anew.
    private var last = 0
    /// How often it has.
    private var round = 0
    /// Pages of it that were copied, at most.
    private var copied = 0
    /// Whether somebody copies, or is about to.
    private var isUnderWay = false
    /// Pages at which the writer waits for readers again, after it has in vain.
    private var waitsAgainAt = 0

    package init(limit: Int, most: Int) {
        self.limit = limit
        self.most = most
        next = limit / 2
    }

    /// After a commit of the writer's that left `pages` in the log.
    package mutating func look(_ pages: Int) -> Turn {
        if pages < last {
            round += 1
            next = limit / 2
            copied = 0
            waitsAgainAt = 0
        }
        last = pages
        // A copy beside the writer that is that slow is waited for: the log has an end.
        if isUnderWay { return waitsForReaders ? .writer : .nobody }
        guard pages >= next else { return .nobody }
        guard pages < limit else { return .writer }
        guard pages > copied else { return .nobody }
        next = pages + limit / 8
        isUnderWay = true
        return .beside(round: round)
    }

    /// The writer is to copy, outside of a transaction: the round that goes to ``end(round:copied:)``; nil while somebody else copies.
    package mutating func begin() -> Int? {
        guard !isUnderWay else { return nil }
        isUnderWay = true
        return round
    }

    /// A copy has ended; the log is copied up to the page `pages`.
    package mutating func end(round: Int, copied pages: Int) {
        isUnderWay = false
        // It has begun anew since, and nobody has copied any of that.
        if round == self.round { copied = pages }
    }

    /// A copy has failed with `pages` in the log. It may have copied them all the same.
    package mutating func fail(round: Int, pages: Int) { end(round: round, copied: max(copied, pages)) }

    /// Whether the log is so long that the writer waits for readers, so that it can begin anew.
    package var waitsForReaders: Bool { last >= most && last >= waitsAgainAt }

    /// They did not end in time: the writer waits for them again once the log has grown by its limit.
    package mutating func hasWaitedInVain() { waitsAgainAt = last + limit }
}
