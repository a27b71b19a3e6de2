internal import GuardianCore

/// Why a statement did not do what it was to do.
struct ServerFailure: Error, Equatable {
    /// The five characters of SQLSTATE; empty when the connection failed.
    var state: String
    var message: String
    /// The session has ended. Whether the last transaction was committed is unknown.
    var isLost: Bool

    static func lost(_ message: String) -> ServerFailure { ServerFailure(state: "", message: message, isLost: true) }

    /// Rolled back by the server because of others; the same again may work.
    var mayRepeat: Bool {
        state == "40001" || state == Self.deadlock || state == Self.busy || state == Self.otherOrdering || isDuplicate || isPooled
    }

    /// An id that is stored already; the second time it is seen to be.
    var isDuplicate: Bool { state == Self.duplicate || state == "23505" }

    /// A connection pooler has given this transaction another session than the one that prepared its statements.
    var isPooled: Bool { state == "26000" || state == "42P05" || state == "08P01" && message.contains("prepared") }

    static let stale = "GU001"
    static let oneByOne = "GU002"
    /// As ``oneByOne``, for what was handed in now only.
    static let theseOneByOne = "GU006"
    static let duplicate = "GU003"
    /// The queue was lined up anew while this transaction waited to write by the old lines.
    static let otherOrdering = "GU005"
    /// A lock was not to be had in time: another transaction holds it.
    static let busy = "55P03"
    /// Two transactions waited for each other, and this one was ended.
    static let deadlock = "40P01"
    /// The session takes no writes, as after a switchover: its server is a standby now. Another session may.
    static let readOnly = "25006"

    var storeError: StoreError {
        switch state {
        case Self.stale: .stale
        case "53100": .full(free: nil, needed: nil)
        case Self.readOnly: .unavailable("the database takes no writes now: \(message)")
        case "42501": .unavailable("the role may not do this in the database: \(message)")
        case "XX001", "XX002": .corrupt(message)
        default: .unavailable(message)
        }
    }
}
