/// Why a store did not do what it was asked. Whatever was asked has then left no trace.
public enum StoreError: Error, Sendable, Equatable {
    /// The file is damaged: what the store's own check said.
    case corrupt(String)
    /// No room: free and needed bytes where they are known.
    case full(free: Int64?, needed: Int64?)
    /// The directory or the file can't be written, or the file is no longer where it was when it was opened.
    case readOnly(String)
    /// The store was made by a newer version of GuardianSync.
    case newerVersion(found: String)
    /// Commits would not reach the disk before they are answered.
    case notDurable(String)
    /// The store is sealed, and not under a key that was given: what is wrong, and what to do. Nothing was touched.
    case wrongKey(String)
    /// The owner and epoch of the write are no longer those of the lock.
    case stale
    /// Another process has the store open, and this needs it alone: which one, and what to do.
    case inUse(String)
    /// Busy, gone, or another error of the system: what it said.
    case unavailable(String)

    /// A bounded word for labels.
    public var name: String {
        switch self {
        case .corrupt: "corrupt"
        case .full: "full"
        case .readOnly: "read_only"
        case .newerVersion: "newer_version"
        case .notDurable: "not_durable"
        case .wrongKey: "wrong_key"
        case .stale: "stale"
        case .inUse: "in_use"
        case .unavailable: "unavailable"
        }
    }
}

extension StoreError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .corrupt(let what): "the store is damaged (\(what)); stop writing to it, copy it aside, and run `guardian check --repair`"
        case .full(let free, let needed):
            "the disk is full\(free.map { " (\($0) bytes free" } ?? " (free space unknown")"
                + "\(needed.map { ", \($0) needed)" } ?? ")"); make room and try again"
        case .readOnly(let what): "the store can't be written (\(what)); check the data directory, its owner and its mode"
        case .newerVersion(let found):
            "the store was written by a newer GuardianSync (migration \(found)); upgrade this program, the store was not touched"
        case .notDurable(let what): "refusing to start: \(what); acknowledged writes would not survive a power cut"
        case .wrongKey(let what): what
        case .stale: "another processor holds the lock now; this write was refused"
        case .inUse(let what): what
        case .unavailable(let what): "the store is not available (\(what)); try again"
        }
    }
}
