public import Logging

/// How much a log line matters, from `debug` to `fatal` (spec section 8).
public enum LogLevel: String, Sendable, CaseIterable, Comparable {
    /// Every step of every operation, and the requests that carry them.
    case debug
    /// What the engine as a whole does.
    case info
    /// Something did not go as it should, and is taken care of.
    case warning
    /// A person has to look at it.
    case error
    /// Nothing can go on until a person has looked at it.
    case fatal

    private var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .warning: 2
        case .error: 3
        case .fatal: 4
        }
    }

    public static func < (one: LogLevel, other: LogLevel) -> Bool { one.rank < other.rank }

    /// swift-log's seven levels on these five.
    public init(_ level: Logger.Level) {
        self =
            switch level {
            case .trace, .debug: .debug
            case .info, .notice: .info
            case .warning: .warning
            case .error: .error
            case .critical: .fatal
            }
    }

    /// The lowest of swift-log's levels that is this one.
    public var logger: Logger.Level {
        switch self {
        case .debug: .trace
        case .info: .info
        case .warning: .warning
        case .error: .error
        case .fatal: .critical
        }
    }
}
