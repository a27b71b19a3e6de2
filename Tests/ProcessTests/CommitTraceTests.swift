import Testing

@Suite struct CommitTraceTests {
    static let asked = #"""
        11 read(9<socket:[77]>, "POST /v1/operations HTTP/1.1\r\n{\"id\":\"mark-1-end\"}", 2048) = 310
        """#
    static let written = #"""
        12 pwrite64(7<queue/guardian.sqlite-wal>, "7\177\6\202", 24, 4152) = 24
        12 pwrite64(7<queue/guardian.sqlite-wal>, "\r\0\0mark-1-end\0", 4096, 4176) = 4096
        """#
    static let synced = "12 fdatasync(7<queue/guardian.sqlite-wal>) = 0"
    static let answered = #"11 writev(9<socket:[77]>, [{iov_base="HTTP/1.1 202 Accepted\r\n", iov_len=190}], 1) = 190"#

    private func verdict(_ lines: String...) -> CommitTrace.Verdict {
        CommitTrace(lines.joined(separator: "\n")).verdict(on: "mark-1-end")
    }

    @Test("written, synced, answered: durable")
    func good() { #expect(verdict(Self.asked, Self.written, Self.synced, Self.answered) == .durable) }

    @Test("calls that another thread cuts in two are put together again")
    func unfinished() {
        let trace = [
            "11 read(9<socket:[77]>,  <unfinished ...>", "13 write(3<anon_inode:[eventfd]>, \"\\1\\0\", 8) = 8",
            "11 <... read resumed>\"{\\\"id\\\":\\\"mark-1-end\\\"}\", 2048) = 310", "11 +++ exited with 0 +++",
            "12 pwrite64(7<queue/guardian.sqlite-wal>, \"mark-1-end\"..., 4096, 4176 <unfinished ...>",
            "11 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---", "12 <... pwrite64 resumed>) = 4096",
            "12 fdatasync(7<queue/guardian.sqlite-wal> <unfinished ...>", "11 read(9<socket:[77]>, 0x7f, 1) = -1 EAGAIN (again)",
            "12 <... fdatasync resumed>)     = 0", Self.answered,
        ]
        #expect(CommitTrace(trace.joined(separator: "\n")).verdict(on: "mark-1-end") == .durable)
    }

    @Test("no sync, a failed one, and one of another file are no sync")
    func missing() {
        #expect(verdict(Self.asked, Self.written, Self.answered) == .notSynced)
        #expect(verdict(Self.asked, Self.synced, Self.written, Self.answered) == .notSynced)
        let failed = "12 fdatasync(7<queue/guardian.sqlite-wal>) = -1 EIO (Input/output error)"
        #expect(verdict(Self.asked, Self.written, failed, Self.answered) == .notSynced)
        #expect(verdict(Self.asked, Self.written, "12 fsync(8<queue/guardian.sqlite>) = 0", Self.answered) == .notSynced)
    }

    @Test("a sync after the answer, or one that ended after it began, is late")
    func late() {
        #expect(verdict(Self.asked, Self.written, Self.answered, Self.synced) == .syncedLate)
        let (begun, ended) = ("12 fdatasync(7<queue/guardian.sqlite-wal> <unfinished ...>", "12 <... fdatasync resumed>) = 0")
        #expect(verdict(Self.asked, Self.written, begun, Self.answered, ended) == .syncedLate)
        #expect(verdict(Self.asked, Self.written, begun, Self.answered) == .notSynced)
    }

    @Test("an answer before the write, another request, and no answer are told apart")
    func other() {
        #expect(verdict(Self.asked, Self.answered, Self.written, Self.synced) == .notWritten)
        #expect(verdict(Self.written, Self.synced, Self.asked, Self.answered) == .notWritten)
        #expect(verdict(Self.asked, Self.written, Self.synced) == .notAnswered)
        #expect(verdict(Self.written, Self.synced, Self.answered) == .notAsked)
    }
}
