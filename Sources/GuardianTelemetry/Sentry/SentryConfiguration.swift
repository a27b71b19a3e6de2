/// How events get to Sentry.
public struct SentryConfiguration: Sendable {
    /// Which project events go to; the key in it is shown nowhere.
    public var dsn: SentryDSN
    /// `production`, `staging` …
    public var environment: String
    /// Name and version of what runs.
    public var release: String
    /// The machine.
    public var serverName: String
    /// Where events wait until Sentry has them.
    public var spoolDirectory: String
    /// Events of one type in a minute at most; what is more is counted and reported as lost. 60 by default.
    public var eventsPerMinute = 60
    /// Milliseconds after which an open breaker is reported; 5 minutes by default.
    public var breakerOpenTooLongMs: Int64 = 300_000
    /// Milliseconds of one request at most; 10 s by default.
    public var timeoutMs: Int64 = 10_000
    /// Milliseconds of the first wait after a failure, doubled each time, up to a minute; and of the least wait after a limit.
    package var backoffMs: Int64 = 1000
    package var spool = SentrySpool.Limits()
    /// Bytes of the volume that events never use; 64 MiB by default.
    public var leastFreeBytes: Int64 {
        get { spool.leastFreeBytes }
        set { spool.leastFreeBytes = newValue }
    }

    /// Limits and times have defaults; set others on what it returns.
    public init(
        dsn: SentryDSN, environment: String = "production", release: String, serverName: String, spoolDirectory: String
    ) {
        self.dsn = dsn
        self.environment = environment
        self.release = release
        self.serverName = serverName
        self.spoolDirectory = spoolDirectory
    }

    package var origin: SentryEvent.Origin { .init(release: release, environment: environment, serverName: serverName) }
}
