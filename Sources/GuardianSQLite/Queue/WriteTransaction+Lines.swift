internal import GRDB
internal import GuardianCore

/// A line is a doubly linked list of rows: who follows whom stands in the rows themselves (`previous`, `next`), so that the next head is
/// found in the row that leaves, and no index by line is written at claim and settle. The table `line` knows the last row of each line; an
/// entry whose row has left, or stands in another line, is stale, harmless, and swept later.
extension WriteTransaction {
    /// A row as a member of its line.
    struct Member {
        var seq: Int64
        var line: Int64
        var status: Int64
        var isHead: Bool
        var previous: Int64?
        var next: Int64?
    }

    private static let findMember = SQL(
        "SELECT line, status + (\(Claims.holdsRow)), head, previous, next FROM guardian_operation WHERE seq = ?1")
    /// The last row of line `?1` as `o`: what an entry of `guardian_line` names, unless that has left the line.
    static let lastOfLine =
        "guardian_line l JOIN guardian_operation o ON o.seq = l.last AND o.line = l.line WHERE l.line = ?1 AND o.status < 2"
    private static let findLast = SQL("SELECT l.last FROM \(lastOfLine)")
    /// A store that lines up as one has one head.
    private static let findGlobalHead = SQL(
        """
        SELECT seq FROM guardian_operation INDEXED BY guardian_operation_head WHERE head = 1 AND status < 2 AND line = \(Line.global) LIMIT 1
        """)
    private static let saveLast = SQL("INSERT INTO guardian_line (line, last) VALUES (?1, ?2) ON CONFLICT (line) DO UPDATE SET last = ?2")
    private static let setNext = SQL("UPDATE guardian_operation SET next = ?2 WHERE seq = ?1")
    private static let setPrevious = SQL("UPDATE guardian_operation SET previous = ?2 WHERE seq = ?1")
    private static let setHead = SQL("UPDATE guardian_operation SET head = ?2 WHERE seq = ?1")

    func member(_ seq: Int64) throws -> Member? {
        let find = try statement(Self.findMember)
        find.bind(1, seq)
        defer { find.reset() }
        guard try find.step() else { return nil }
        return Member(
            seq: seq, line: find.int(0), status: find.int(1), isHead: find.int(2) == 1, previous: find.optionalInt(3),
            next: find.optionalInt(4))
    }

    /// The last row of a line; nil when nobody stands in it.
    func last(of line: Int64) throws -> Int64? {
        let find = try statement(Self.findLast)
        find.bind(1, line)
        defer { find.reset() }
        return try find.step() ? find.int(0) : nil
    }

    func setLast(of line: Int64, to seq: Int64) throws { try set(Self.saveLast, line, seq) }
    func setNext(of seq: Int64, to next: Int64?) throws { try set(Self.setNext, seq, next) }
    private func setPrevious(of seq: Int64, to previous: Int64?) throws { try set(Self.setPrevious, seq, previous) }
    func setHead(_ seq: Int64, _ isHead: Bool) throws {
        try set(Self.setHead, seq, isHead ? 1 : 0)
        if isHead { claimed.add(seq) }
    }

    private func set(_ sql: SQL, _ key: Int64, _ value: Int64?) throws {
        let update = try statement(sql)
        update.bind(1, key)
        update.bind(2, value)
        try update.run()
    }

    /// Takes a member out of its line; when it was the head, the next one is. The row itself is deleted or changed by the caller.
    func leave(_ member: Member) throws {
        if member.isHead {
            if let next = member.next { try setHead(next, true) }
            return
        }
        if let previous = member.previous { try setNext(of: previous, to: member.next) }
        if let next = member.next {
            try setPrevious(of: next, to: member.previous)
        } else if let previous = member.previous {
            try setLast(of: member.line, to: previous)
        }
    }

    /// Puts a pending row that stands in no line where its number belongs: before all younger ones, but behind one that is in flight.
    ///
    /// `heads` remembers the heads that were found, because looking for one walks the line from its end.
    func join(_ seq: Int64, line: Int64, heads: inout [Int64: Int64]) throws {
        let head = try head(of: line, heads)
        heads[line] = head
        var previous: Member?
        var next = try head.flatMap { try member($0) }
        while let candidate = next, candidate.status == 1 || candidate.seq < seq {
            previous = candidate
            next = try candidate.next.flatMap { try member($0) }
        }
        try setPrevious(of: seq, to: previous?.seq)
        try setNext(of: seq, to: next?.seq)
        try setHead(seq, previous == nil)
        if let previous { try setNext(of: previous.seq, to: seq) } else { heads[line] = seq }
        if let next {
            try setPrevious(of: next.seq, to: seq)
            if previous == nil { try setHead(next.seq, false) }
        } else {
            try setLast(of: line, to: seq)
        }
    }

    private func head(of line: Int64, _ known: [Int64: Int64]) throws -> Int64? {
        if let head = known[line] { return head }
        if line == Line.global { return try globalHead() }
        var at = try last(of: line).flatMap { try member($0) }
        while let member = at, !member.isHead { at = try member.previous.flatMap { try self.member($0) } }
        return at?.seq
    }

    private func globalHead() throws -> Int64? {
        let find = try statement(Self.findGlobalHead)
        defer { find.reset() }
        return try find.step() ? find.int(0) : nil
    }

    /// A head that came back from the wire makes way for older ones of its line, which a person retried meanwhile.
    func makeWay(_ seq: Int64) throws {
        guard let back = try member(seq), let next = back.next, next < seq else { return }
        try leave(back)
        var heads = [back.line: next]
        try join(seq, line: back.line, heads: &heads)
    }

    /// Forgets lines in which nobody stands, `limit` at most looked at. Returns where to go on; nil at the end.
    func sweepLines(after line: Int64, limit: Int) throws -> Int64? {
        let page = try statement("SELECT line FROM guardian_line WHERE line > ?1 ORDER BY line LIMIT 1 OFFSET ?2")
        page.bind(1, line)
        page.bind(2, limit - 1)
        let end = try page.step() ? page.int(0) : nil
        page.reset()
        let delete = try statement(
            """
            DELETE FROM guardian_line WHERE line > ?1 AND line <= ?2
                AND NOT EXISTS (SELECT 1 FROM guardian_operation o
                    WHERE o.seq = guardian_line.last AND o.line = guardian_line.line AND o.status < 2)
            """)
        delete.bind(1, line)
        delete.bind(2, end ?? Int64.max)
        try delete.run()
        return end
    }
}
