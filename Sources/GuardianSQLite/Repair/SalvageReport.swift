public import GuardianCore

/// What came of a damaged store: what was brought over into a new one, and what was not.
public struct SalvageReport: Sendable, Equatable {
    /// An operation that could not be read.
    public struct Lost: Sendable, Equatable {
        /// Its number in the queue, which it keeps in the new store.
        public var seq: Int64
        /// As the index of ids still had it.
        public var id: OperationID
    }

    /// Where the damaged file is kept, untouched.
    public var aside: String
    /// What was wrong with it.
    public var problem: String
    /// Bytes that the disk could not read; whatever stood in them is lost.
    public var unreadBytes: Int64 = 0
    /// Those of them that are of the write-ahead log: what was acknowledged behind them is lost, and nothing says how much that was.
    public var unreadLogBytes: Int64 = 0
    /// Stored operations that were brought over.
    public var recovered = 0
    /// Those of them that stood on pages to which no way led any more, and that an index named.
    public var recoveredFromLoosePages = 0
    /// Stored operations whose content is gone, by the names that an index still had; each stands in `failed` as `STORE_DAMAGED`.
    public var lost: [Lost] = []
    /// Operations of which the books know that they were stored, and nothing else was readable; counted as cleared.
    public var lostUnnamed: Int64 = 0
    /// Rows brought over, by table.
    public var rows: [String: Int] = [:]

    package init(aside: String, problem: String) {
        self.aside = aside
        self.problem = problem
    }

    /// All that is not in the new store.
    public var lostCount: Int64 { Int64(lost.count) + lostUnnamed }

    /// Whether that is all: the counters could be read, and the log to its end.
    public var isLossKnown: Bool { unreadLogBytes == 0 && rows["guardian_books", default: 0] > 0 }

    /// What is lost, for people.
    public var lossText: String {
        let more = isLossKnown ? "" : ", and how many more is not known"
        return "\(lostCount) lost\(more)" + (unreadBytes > 0 ? "; \(unreadBytes) bytes can't be read" : "")
    }

    /// The code that a lost operation fails with.
    package static let lostCode = "STORE_DAMAGED"

    /// Of an operation whose payload or base is sealed and can't be opened where it stands: the next claim sets it aside with this.
    static let lostContent = LastError(
        class: .permanent, code: lostCode,
        message: "what it consists of can't be opened: it was changed on the disk, or moved from another row; "
            + "`guardian check --repair` brings the others over into a sound store, and keeps this one as it is beside it")

    /// Of an operation that was not brought over from the file that is kept at `aside`.
    static func lost(in aside: String) -> LastError {
        LastError(
            class: .permanent, code: lostCode, message: "its content could not be read from the damaged store, which is kept at \(aside)")
    }

    package var json: JSONValue {
        [
            "aside": .string(aside), "problem": .string(problem), "recovered": JSONValue(recovered),
            "recovered_from_loose_pages": JSONValue(recoveredFromLoosePages), "lost": JSONValue(lostCount),
            "lost_unnamed": JSONValue(lostUnnamed), "loss_known": .bool(isLossKnown), "unread_bytes": JSONValue(unreadBytes),
            "unread_log_bytes": JSONValue(unreadLogBytes),
            "lost_operations": .array(lost.map { ["id": .string($0.id.description), "seq": JSONValue($0.seq)] }),
            "rows": .object(rows.sorted { $0.key < $1.key }.map { .init($0.key, JSONValue($0.value)) }),
        ]
    }
}
