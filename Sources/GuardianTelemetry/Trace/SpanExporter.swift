package import AsyncHTTPClient
public import GuardianCore
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Sends finished spans to an OpenTelemetry collector: OTLP over HTTP as JSON, in batches, never in the way of what is traced.
public final class SpanExporter: Sendable {
    /// Which collector, who sends to it, and how much may wait for it.
    public struct Configuration: Sendable {
        /// `http://127.0.0.1:4318`; `/v1/traces` is added when there is no path.
        public var endpoint: String
        /// `service.name` of the resource; `guardian` by default.
        public var serviceName: String
        /// `service.version` of the resource.
        public var serviceVersion: String
        /// What makes this process another than its siblings.
        public var instance: String
        /// Spans that wait at most; the oldest go first. 8192 by default; below 1 counts as 1.
        public var backlog = 8192
        /// Spans of one request at most; 512 by default, and below 1 counts as 1.
        public var batch = 512
        /// Milliseconds between requests while there are few spans, 1 to a day; 1 s by default.
        public var everyMs: Int64 = 1000
        /// Of one request; 10 s by default. What takes longer is sent again.
        public var timeoutMs: Int64 = 10_000

        /// Asks nobody: ``SpanExporter/run()`` does.
        public init(endpoint: String, serviceName: String = "guardian", serviceVersion: String, instance: String) {
            self.endpoint = endpoint
            self.serviceName = serviceName
            self.serviceVersion = serviceVersion
            self.instance = instance
        }
    }

    /// Milliseconds that what is left at the end has to be sent.
    package static let farewellMs: Int64 = 2000

    private struct Waiting {
        var spans: [FinishedSpan] = []
        /// Spans that found no room, or that the collector refused, since that was last told.
        var lost = 0
        /// Calls the run that goes on.
        var bell: AsyncStream<Void>.Continuation?
    }

    /// What came of a request.
    private enum Answer {
        case taken
        /// To be sent again.
        case later
        /// Refused for good, with this status.
        case unwanted(Int)
    }

    private let configuration: Configuration
    private var backlog: Int { max(1, configuration.backlog) }
    private var batch: Int { max(1, configuration.batch) }
    private let clock: any TimeSource
    private let log: LogWriter?
    private let waiting = Mutex(Waiting())

    /// `log` hears when the collector can't be reached, when it can again, when it refuses spans, and how many were lost meanwhile.
    public init(_ configuration: Configuration, log: LogWriter? = nil, clock: any TimeSource = SystemClock()) {
        self.configuration = configuration
        self.clock = clock
        self.log = log
    }

    package func add(_ span: FinishedSpan) {
        let bell = waiting.withLock { waiting -> AsyncStream<Void>.Continuation? in
            if waiting.spans.count >= backlog {
                // A quarter at once, so that a flood does not move the rest for each span.
                let count = max(1, backlog / 4)
                waiting.spans.removeFirst(count)
                waiting.lost += count
            }
            waiting.spans.append(span)
            return waiting.spans.count == batch ? waiting.bell : nil
        }
        bell?.yield()
    }

    /// How the collector is asked: over TLS 1.2 at least, and without spans about that.
    package static var clientConfiguration: HTTPClient.Configuration {
        var settings = HTTPClient.Configuration(redirectConfiguration: .disallow)
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        settings.tlsConfiguration = tls
        settings.tracing.tracer = nil
        return settings
    }

    /// Sends until its task is cancelled, then what is left, as far as two seconds reach. May be run again.
    public func run() async {
        let (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        waiting.withLock { $0.bell = bell }
        let client = HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: Self.clientConfiguration)
        // Not cancelled together with this: a request that is under way would be cut short, and its spans sent twice.
        let sending = Task { await send(at: rings, client) }
        while !Task.isCancelled {
            do { try await clock.wait(untilSteady: clock.now.steady + min(max(configuration.everyMs, 1), 86_400_000)) } catch { break }
            bell.yield()
        }
        bell.yield()
        bell.finish()
        let limit = Task {
            do { try await clock.wait(untilSteady: clock.now.steady + Self.farewellMs) } catch { return }
            sending.cancel()
        }
        await sending.value
        limit.cancel()
        tellLost()
        let left = waiting.withLock { $0.spans.count }
        if left > 0 { tell(.warning, "trace spans not sent", "count", JSONValue(left)) }
        do { try await client.shutdown() } catch {}
    }

    /// Sends what waits at each ring, until there are no more.
    private func send(at rings: AsyncStream<Void>, _ client: HTTPClient) async {
        var failures = 0
        var isRefused = false
        var encoder = SpanEncoder(
            serviceName: configuration.serviceName, serviceVersion: configuration.serviceVersion, instance: configuration.instance)
        for await _ in rings {
            while !Task.isCancelled, let batch = take() {
                let answer = await post(encoder.encode(batch), client)
                if case .later = answer {
                    failures += 1
                    if failures == 1 { tell(.warning, "trace collector not reached", "reason", .string(configuration.endpoint)) }
                    giveBack(batch)
                    break
                }
                if failures > 0 { tell(.info, "trace collector reached again", "reason", .string("\(failures) tries had failed")) }
                failures = 0
                guard case .unwanted(let status) = answer else {
                    isRefused = false
                    continue
                }
                waiting.withLock { $0.lost += batch.count }
                if !isRefused { tell(.warning, "trace collector refuses spans", "http_status", JSONValue(status)) }
                isRefused = true
            }
            // While all is refused, that was told once; the count comes when it is over.
            if failures == 0, !isRefused { tellLost() }
        }
    }

    /// Once all that waited is sent, and at the end.
    private func tellLost() {
        let lost = waiting.withLock { waiting in
            defer { waiting.lost = 0 }
            return waiting.lost
        }
        if lost > 0 { tell(.warning, "trace spans lost", "count", JSONValue(lost)) }
    }

    private func take() -> [FinishedSpan]? {
        waiting.withLock { waiting in
            guard !waiting.spans.isEmpty else { return nil }
            let taken = Array(waiting.spans.prefix(batch))
            waiting.spans.removeFirst(taken.count)
            return taken
        }
    }

    private func giveBack(_ batch: [FinishedSpan]) {
        waiting.withLock { waiting in
            let room = max(0, backlog - waiting.spans.count)
            waiting.lost += max(0, batch.count - room)
            waiting.spans.insert(contentsOf: batch.suffix(room), at: 0)
        }
    }

    private func post(_ body: [UInt8], _ client: HTTPClient) async -> Answer {
        let path = configuration.endpoint.split(separator: "/", omittingEmptySubsequences: true).count > 2 ? "" : "/v1/traces"
        var endpoint = Substring(configuration.endpoint)
        while endpoint.hasSuffix("/") { endpoint = endpoint.dropLast() }
        var request = HTTPClientRequest(url: endpoint + path)
        request.method = .POST
        request.headers = ["content-type": "application/json"]
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let response = try await client.execute(request, timeout: .milliseconds(configuration.timeoutMs))
            _ = try await response.body.collect(upTo: 64 << 10)
            let status = Int(response.status.code)
            if (200..<300).contains(status) { return .taken }
            // What the collector does not want now it will not want later, but for these.
            return [408, 429, 502, 503, 504].contains(status) ? .later : .unwanted(status)
        } catch {
            return .later
        }
    }

    private func tell(_ level: LogLevel, _ message: String, _ name: String, _ value: JSONValue) {
        log?.write(LogLine(timestamp: clock.now.wall, level: level, message: message, fields: [.init(name, value)]))
    }
}
