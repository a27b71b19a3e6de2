public import GuardianCore

/// Where changes come from, and how much of them is held at once.
public struct RealtimeConfiguration: Sendable {
    /// URL, TLS, timeouts and names, the same as for delivery. Its routes are not used.
    public var http: HTTPTransportConfiguration
    /// Of the server-sent events; `/api/v1/changes/stream` by default.
    public var streamPath: String
    /// Of the pages that are polled; `/api/v1/changes` by default.
    public var pollPath: String
    /// Changes asked for at once, and handed over at once, at most; 100 by default.
    public var pageLimit: Int
    /// Bytes of a page at most; 16 MiB by default. When a page is larger, fewer changes are asked for.
    public var pageBytes: Int
    /// Bytes of a line and of an event of the stream at most; 4 MiB by default.
    public var eventBytes: Int
    /// When the stream is opened again, when the feed polls instead, and after how much silence a stream counts as dead.
    public var schedule: FeedSchedule.Configuration

    /// Checks nothing: ``RealtimeClient`` does. `pageLimit` must be 1…1000, sizes, waits and counts more than 0, `healthyMs` 0 or more, and
    /// paths begin with one `/`.
    public init(
        http: HTTPTransportConfiguration, streamPath: String = "/api/v1/changes/stream", pollPath: String = "/api/v1/changes",
        pageLimit: Int = 100, pageBytes: Int = 16 << 20, eventBytes: Int = 4 << 20, schedule: FeedSchedule.Configuration = .init()
    ) {
        self.http = http
        self.streamPath = streamPath
        self.pollPath = pollPath
        self.pageLimit = pageLimit
        self.pageBytes = pageBytes
        self.eventBytes = eventBytes
        self.schedule = schedule
    }

    func check() throws(HTTPConfigurationError) {
        for (key, path) in [("stream_path", streamPath), ("poll_path", pollPath)] {
            guard path.hasPrefix("/"), !path.hasPrefix("//"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !path.contains("#") else {
                throw HTTPConfigurationError(key: "realtime.\(key)", message: "must begin with one / (it is \"\(path)\")")
            }
        }
        guard !pollPath.contains("?") else { throw HTTPConfigurationError(key: "realtime.poll_path", message: "must not have a query") }
        guard (1...1000).contains(pageLimit) else {
            throw HTTPConfigurationError(key: "realtime.page_limit", message: "must be from 1 to 1000")
        }
        guard pageBytes > 0, eventBytes > 0 else {
            throw HTTPConfigurationError(key: "realtime.page_bytes", message: "and event_bytes must be more than 0")
        }
        let waits = [schedule.baseMs, schedule.pollMs, schedule.streamAgainMs, schedule.heartbeatMs]
        guard waits.allSatisfy({ $0 > 0 }), schedule.maxMs >= schedule.baseMs, schedule.healthyMs >= 0 else {
            throw HTTPConfigurationError(key: "realtime", message: "waits must be more than 0, and the longest no shorter than the first")
        }
        guard schedule.failuresBeforePolling > 0, schedule.missedHeartbeats > 0 else {
            throw HTTPConfigurationError(key: "realtime", message: "failures before polling and missed heartbeats must be 1 or more")
        }
    }
}
