/// What people look for among stored operations, and which page of it.
public struct OperationSearch: Sendable, Equatable {
    /// nil, as of each of these, lets all through.
    public var status: Operation.Status?
    /// The whole word: `create`, `update`, `delete` or a custom one.
    public var operationType: String?
    /// The whole word, capitals as they are.
    public var entityType: String?
    /// As it is stored: the upstream's id once that is known, not the local one any more.
    public var entityID: String?
    /// At most one operation has it, unless callers have given several the same.
    public var traceID: UniqueID?
    /// Enqueued then or later.
    public var since: Timestamp?
    /// Enqueued before.
    public var until: Timestamp?
    /// The class of the last error, whatever the status is now.
    public var errorClass: ErrorClass?
    /// Failed for this cause (``FailureShape/id``).
    public var shape: Int64?
    /// Stands in the id, trace, type, entity, ordering key, transaction token, error code, error message or its details; capitals of ASCII
    /// do not matter. Payloads are not searched: they may be sealed.
    public var text: String?
    /// Only operations with this number or a smaller one: a set that nothing enqueued later joins.
    public var through: Int64?
    /// Only operations that have not changed since then (``Operation/updatedAt``): what fails later does not join a set of failed ones.
    public var asOf: Timestamp?
    /// Whether payload and base are read at all; true by default.
    public var includesPayload = true
    /// Whether pages go from the greatest number down; false by default.
    public var isNewestFirst = false
    /// ``SearchPage/next`` of the page before.
    public var cursor: Int64?
    /// 1…1000, 100 by default; the nearest of those whatever it is set to.
    public var limit: Int {
        didSet { limit = Self.inRange(limit) }
    }

    /// Everything in that status, or in any, from the oldest on. Brings `limit` into its range.
    public init(status: Operation.Status? = nil, limit: Int = 100) {
        self.status = status
        self.limit = Self.inRange(limit)
    }

    private static func inRange(_ limit: Int) -> Int { min(max(limit, 1), 1000) }

    /// Whether what happens to an operation can bring it in: a set that is to be frozen then needs ``asOf`` beside ``through``.
    package var dependsOnState: Bool { status != nil || errorClass != nil || shape != nil || text?.isEmpty == false }

    /// Whether an operation is among what is looked for, whatever the page.
    package func fits(_ operation: Operation) -> Bool {
        if let status, operation.status != status { return false }
        if let operationType, operation.type != operationType { return false }
        if let entityType, operation.entity.type != entityType { return false }
        if let entityID, operation.entity.id != entityID { return false }
        if let traceID, operation.traceID != traceID { return false }
        if let since, operation.enqueuedAt < since { return false }
        if let until, operation.enqueuedAt >= until { return false }
        if let errorClass, operation.lastError?.class != errorClass { return false }
        if let through, operation.seq > through { return false }
        if let asOf, operation.updatedAt > asOf { return false }
        if let shape {
            guard operation.status == .failed, let error = operation.lastError, FailureShape(of: error).id == shape else { return false }
        }
        if let text, !text.isEmpty, !Self.has(text, operation) { return false }
        return true
    }

    /// What its page has of an operation.
    fileprivate func shown(_ operation: Operation) -> Operation { includesPayload ? operation : operation.withoutPayload }

    /// Whether a text can be a part of a UUID; hyphens then do not matter in ids and traces.
    package static func isHexadecimal(_ text: String) -> Bool {
        text.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (97...102).contains(lowered(byte)) || byte == UInt8(ascii: "-")
        }
    }

    private static func has(_ text: String, _ operation: Operation) -> Bool {
        var words = [operation.type, operation.entity.type, operation.entity.id]
        words += [operation.customOrderingKey, operation.txnToken, operation.lastError?.code, operation.lastError?.storedMessage]
            .compactMap(\.self)
        if case .text(let id) = operation.id { words.append(id) }
        if words.contains(where: { has($0, text) }) { return true }
        let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }
        guard isHexadecimal(text), !digits.isEmpty else { return false }
        var ids = [operation.traceID]
        if case .uuid(let id) = operation.id { ids.append(id) }
        return ids.contains { has($0.hex, String(decoding: digits, as: UTF8.self)) }
    }

    /// Whether `text` stands in `word`; capitals of ASCII do not matter.
    package static func has(_ word: String, _ text: String) -> Bool {
        let (word, text) = (Array(word.utf8.map(lowered)), Array(text.utf8.map(lowered)))
        guard word.count >= text.count else { return false }
        return (0...word.count - text.count).contains { start in word[start..<start + text.count].elementsEqual(text) }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }
}

/// A page of what was found.
public struct SearchPage: Sendable {
    /// Bytes of what its operations carry after which a page ends: 8 MiB.
    public static let mostBytes = 8 << 20

    /// In the order of the search, its limit at most; without payload and base where it leaves those out.
    public var operations: [Operation]
    /// Where to go on; nil at the end. A page that is not full and has it was ended for its time or its bytes: more may follow.
    public var next: Int64?

    /// For whoever implements a store.
    public init(operations: [Operation], next: Int64?) {
        self.operations = operations
        self.next = next
    }

    /// The first page of `fitting`, which stand in the order of the search: as many as its limit and ``mostBytes`` let in.
    package init(first fitting: [Operation], of search: OperationSearch) {
        self.init(operations: [], next: nil)
        var bytes = 0
        for operation in fitting {
            guard operations.count < search.limit, bytes < Self.mostBytes else {
                next = operations.last?.seq
                return
            }
            operations.append(search.shown(operation))
            bytes += operations.last?.carriedBytes ?? 0
        }
    }
}

extension Operation {
    /// The same, but payload and base.
    package var withoutPayload: Operation {
        var operation = self
        (operation.payload, operation.base) = (nil, nil)
        return operation
    }

    /// Bytes of what it carries: payload, base, the message of its last error and the other side of a conflict.
    package var carriedBytes: Int {
        [payload, base, lastError?.storedMessage, server?.state].reduce(0) { $0 + ($1?.utf8.count ?? 0) }
    }
}

/// What failures of one cause have in common: class, code, status, and the message without what differs from one to the next.
public struct FailureShape: Sendable, Hashable {
    /// Failures of another class are another cause, whatever else is alike.
    public var `class`: ErrorClass
    /// The upstream's, or the engine's own.
    public var code: String
    /// nil when no answer is behind it.
    public var httpStatus: Int?
    /// The message with `#` for every word that has a digit in it, such as a number or a UUID, cut at 160 characters.
    public var message: String

    package init(of error: LastError) {
        self.class = error.class
        code = error.code
        httpStatus = error.httpStatus
        message = Self.shape(of: error.message)
    }

    /// A hash of all of it that stays the same from one start to the next.
    public var id: Int64 { Line.of("\(self.class.rawValue)|\(code)|\(httpStatus ?? 0)|\(message)") }

    /// Words of letters, digits and hyphens become `#` where they hold an ASCII digit; a hexadecimal word without one stays. Every byte
    /// beyond ASCII counts as a letter.
    private static func shape(of message: String) -> String {
        var shaped: [UInt8] = []
        var word: [UInt8] = []
        var hasDigit = false
        func isWordByte(_ byte: UInt8) -> Bool {
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == UInt8(ascii: "-") || byte >= 128
        }
        func end() {
            if hasDigit { shaped.append(UInt8(ascii: "#")) } else { shaped.append(contentsOf: word) }
            word.removeAll(keepingCapacity: true)
            hasDigit = false
        }
        for byte in message.utf8.prefix(LastError.maximumMessageLength) {
            if isWordByte(byte) {
                word.append(byte)
                if (48...57).contains(byte) { hasDigit = true }
            } else {
                end()
                shaped.append(byte)
            }
        }
        end()
        return String(String(decoding: shaped, as: UTF8.self).prefix(160))
    }
}

/// Failed operations of one cause.
public struct FailureGroup: Sendable, Equatable {
    /// What they have in common; ``FailureShape/id`` finds them in a search.
    public var shape: FailureShape
    /// Those that were enqueued first and last: what failed first or last may be another one, and no index has them in that order.
    public var first: Operation
    /// The one with the greatest number; the same as ``first`` in a group of one.
    public var last: Operation
    /// All that are in `failed` for this cause now, not only those two.
    public var count: Int64

    /// For whoever implements a store.
    public init(shape: FailureShape, first: Operation, last: Operation, count: Int64) {
        self.shape = shape
        self.first = first
        self.last = last
        self.count = count
    }

    mutating func add(_ operation: Operation) {
        count += 1
        last = operation
    }
}

/// An ordering key whose head waits, and what stands behind it.
public struct BlockedKey: Sendable, Equatable {
    /// Where it stands among the others.
    public struct Place: Sendable, Equatable {
        /// Of the head. Greater ones come first.
        public var priority: Int
        /// When the head is due, in milliseconds since 1970; far in the future where it waits for a principal or a create.
        public var due: Int64
        /// Of the head: tells apart those that are due at once.
        public var seq: Int64

        /// Read from a cursor; a store makes its own.
        public init(priority: Int, due: Int64, seq: Int64) {
            self.priority = priority
            self.due = due
            self.seq = seq
        }
    }

    /// Operations behind a head that are counted at most.
    public static let mostCounted = 100

    /// What the head waits for.
    public enum Reason: String, Sendable {
        /// Its last attempt failed; it is tried again by itself.
        case backoff
        /// Its `notBefore` lies ahead, and no retry is scheduled.
        case notBefore = "not_before"
        /// Its principal is not signed in.
        case principal
        /// It points to an entity whose create is not settled.
        case awaiting
    }

    /// The head of the line.
    public var head: Operation
    /// Of the head; the others wait for it.
    public var reason: Reason
    /// Operations behind it, ``mostCounted`` at most.
    public var behind: Int
    /// The next page begins behind it.
    public var place: Place

    /// For whoever implements a store.
    public init(head: Operation, reason: Reason, behind: Int, place: Place) {
        self.head = head
        self.reason = reason
        self.behind = behind
        self.place = place
    }
}
