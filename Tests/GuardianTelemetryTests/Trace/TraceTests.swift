import AsyncHTTPClient
import Foundation
import GuardianCore
import GuardianTesting
import InMemoryTracing
import NIOSSL
import TestServers
import Testing
import Tracing

import GuardianTelemetry

@Suite("Traces")
struct TraceTests {
    /// Sends nothing, and keeps the headers that it would have sent.
    private struct HeaderTransport: Transport {
        let tracing: OperationTracing
        let outcomes: Dial<[Outcome]>
        let headers: Dial<[String]>
        let gathers: Bool

        func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome { keep(tracing.headers()) }

        func send(_ dispatches: [Dispatch], token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void) async {
            for (place, dispatch) in dispatches.enumerated() { tell(place, keep(dispatch.headers)) }
        }

        private func keep(_ sent: [(name: String, value: String)]) -> Outcome {
            headers.update { $0.append(sent.first { $0.name == "traceparent" }?.value ?? "none") }
            return outcomes.update { $0.isEmpty ? .accepted(Answer(status: 200)) : $0.removeFirst() }
        }
    }

    private func deliver(
        _ exporter: SpanExporter, store: MemoryStore, outcomes: [Outcome] = [], enqueue: Int = 0, gathers: Bool = false
    ) async throws -> [String] {
        let tracing = OperationTracing(GuardianTracer(exporter: exporter))
        let headers = Dial<[String]>([])
        let base = HeaderTransport(tracing: tracing, outcomes: Dial(outcomes), headers: headers, gathers: gathers)
        let sink = RecordingSink()
        var configuration = SyncEngine.Configuration()
        configuration.processor.retry = RetryPolicy(baseMs: 5, maxMs: 10, maxAttempts: 100)
        let engine = SyncEngine(
            store: store, transport: tracing.transport(base), sinks: [tracing, sink], configuration: configuration)
        for number in 0..<enqueue {
            try await engine.enqueue(NewOperation("update", entityType: "room", entityID: "r\(number)", payload: "{}"))
        }
        guard enqueue == 0 else { return [] }
        async let run: Void = engine.run()
        let isDone = try await TestServer.eventually {
            let books = try await store.books()
            return books.pending == 0 && books.processing == 0
        }
        #expect(isDone)
        engine.drain()
        try await run
        return headers.value
    }

    @Test("a traced transport says of its routes what the transport itself does")
    func keepsHolds() {
        struct Holding: Transport {
            var holds: HoldRules
            func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome { .interrupted }
        }
        var rules = HoldRules()
        rules.set(.route, operation: "update", entity: "room")
        let tracing = OperationTracing(InMemoryTracer())
        #expect(tracing.transport(Holding(holds: rules)).holds == rules)
    }

    @Test("what a transport that gathers says nothing of has a span all the same, which ends as interrupted")
    func forgotten() async {
        struct Silent: Transport {
            var gathers: Bool { true }
            func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome { .interrupted }
            func send(_ dispatches: [Dispatch], token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void) async {
                tell(1, .accepted(Answer(status: 200)))
                tell(1, .accepted(Answer(status: 200)))
            }
        }
        let finished = Dial<[FinishedSpan]>([])
        let tracing = OperationTracing(GuardianTracer { span in finished.update { $0.append(span) } })
        let dispatches = (1...2).map { number in
            Dispatch(claim: Claim(operation: Sample.operation(number), fence: Fence(owner: "p", epoch: 1)), timeoutMs: 1000)
        }
        await tracing.transport(Silent()).send(dispatches, token: nil) { _, _ in }
        #expect(finished.value.map { $0.status?.message } == [nil, "interrupted"])
    }

    @Test("the collector is asked over TLS 1.2 at least")
    func wantsTLS() { #expect(SpanExporter.clientConfiguration.tlsConfiguration?.minimumTLSVersion == .tlsv12) }

    @Test(
        "one trace from enqueue to settle, over a restart: the attempt's parent is the enqueue of another process",
        arguments: [false, true])
    func isLinkedOverARestart(gathers: Bool) async throws {
        let collector = TraceCollector()
        try await collector.listening { port in
            let store = MemoryStore()
            func exporter(_ name: String) -> SpanExporter {
                var configuration = SpanExporter.Configuration(
                    endpoint: "http://127.0.0.1:\(port)", serviceVersion: "1", instance: name)
                configuration.everyMs = 20
                return SpanExporter(configuration)
            }
            let first = exporter("first")
            try await TestServer.beside({ await first.run() }) {
                _ = try await deliver(first, store: store, enqueue: 3)
                #expect(await TestServer.eventually { collector.spans.count == 3 })
            }
            let second = exporter("second")
            let headers = try await TestServer.beside({ await second.run() }) {
                let headers = try await deliver(
                    second, store: store, outcomes: [.refused(.transient, Answer(status: 503, code: "BUSY"))], gathers: gathers)
                #expect(await TestServer.eventually { collector.spans.count >= 3 + 4 + 4 })
                return headers
            }
            let spans = collector.spans
            #expect(collector.defects.isEmpty, "\(collector.defects)")
            let enqueues = spans.filter { $0.name == "guardian.enqueue" }
            let attempts = spans.filter { $0.name == "guardian.attempt" }
            let settles = spans.filter { $0.name == "guardian.settle" }
            #expect(enqueues.count == 3 && attempts.count == 4 && settles.count == 4)
            #expect(Set(enqueues.map(\.traceID)).count == 3)
            for attempt in attempts {
                let enqueue = try #require(enqueues.first { $0.traceID == attempt.traceID })
                #expect(enqueue.parentID == nil)
                #expect(attempt.parentID == enqueue.spanID)
                #expect(settles.contains { $0.parentID == attempt.spanID && $0.traceID == attempt.traceID })
                // What the upstream gets names the attempt.
                #expect(headers.contains("00-\(attempt.traceID)-\(attempt.spanID)-01"))
            }
            #expect(attempts.count(where: \.isError) == 1)
            #expect(attempts.first(where: \.isError)?.attributes["http.response.status_code"] == "503")
            #expect(Set(spans.map(\.spanID)).count == spans.count)
        }
    }

    @Test("the caller's own trace is linked from the enqueue span")
    func linksTheCaller() async throws {
        let finished = Dial<[FinishedSpan]>([])
        let tracer = GuardianTracer { span in finished.update { $0.append(span) } }
        let tracing = OperationTracing(tracer)
        let engine = SyncEngine(store: MemoryStore(), transport: ScriptedTransport(), sinks: [tracing])
        let caller = tracer.startSpan("checkout", context: .topLevel, ofKind: .server, at: DefaultTracerClock.now)
        try await ServiceContext.withValue(caller.context) {
            _ = try await engine.enqueue(NewOperation("update", entityType: "room", entityID: "r", payload: "{}"))
        }
        let enqueue = try #require(finished.value.first)
        #expect(enqueue.links == [caller.identity])
        #expect(enqueue.identity.trace != caller.identity.trace)
        #expect(enqueue.end >= enqueue.start)
    }

    @Test("it works with a tracer of the app's own")
    func takesAnyTracer() async throws {
        let tracer = InMemoryTracer()
        let tracing = OperationTracing(tracer)
        let transport = tracing.transport(ScriptedTransport())
        tracing.record(.enqueued(id: .text("op-1"), seq: 1), about: Sample.subject(1), at: Sample.start)
        let claim = Claim(operation: Sample.operation(1), fence: Fence(owner: "p", epoch: 1))
        _ = await transport.send(claim, token: nil, timeoutMs: 1000)
        tracing.record(.processed(id: .text("op-1"), latencyMs: 1, httpStatus: 200), about: Sample.subject(1), at: Sample.start)
        #expect(tracer.finishedSpans.map(\.operationName) == ["guardian.enqueue", "guardian.attempt", "guardian.settle"])
        let attempt = try #require(tracer.finishedSpans.first { $0.operationName == "guardian.attempt" })
        #expect(tracer.finishedSpans.last?.parentSpanID == attempt.spanID)
    }

    @Test("traceparent is read by the letter of the standard")
    func readsTraceparent() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        #expect(SpanIdentity(traceparent: good)?.traceparent == good)
        #expect(SpanIdentity(traceparent: good.dropLast(2) + "00")?.isSampled == false)
        #expect(SpanIdentity(traceparent: "cc" + good.dropFirst(2) + "-what-the-future-brings") != nil)
        for bad in [
            "", "00", "ff" + good.dropFirst(2), good + "-more", good.uppercased(), String(good.dropLast()),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] { #expect(SpanIdentity(traceparent: bad) == nil, "\(bad)") }
    }

    @Test("a trace is kept whole or not at all, by its id, in every process alike")
    func samples() {
        let kept = Dial<[UniqueID]>([])
        let tracings = (0..<2).map { _ in
            OperationTracing(GuardianTracer(ratio: 0.25) { span in kept.update { $0.append(span.identity.trace) } })
        }
        for number in 0..<2000 {
            for tracing in tracings {
                tracing.record(.enqueued(id: .text("a"), seq: 1), about: Sample.subject(number), at: Sample.start)
            }
        }
        let counts = Dictionary(kept.value.map { ($0, 1) }, uniquingKeysWith: +)
        #expect(counts.values.allSatisfy { $0 == 2 })
        #expect((350...650).contains(counts.count), "\(counts.count)")
    }

    @Test("spans hold no id of an entity, no content, and nothing that must not be told")
    func tellsNothing() throws {
        let finished = Dial<[FinishedSpan]>([])
        let tracing = OperationTracing(GuardianTracer { span in finished.update { $0.append(span) } })
        var operation = Sample.operation(1, type: "custom")
        operation.payload = #"{"mail":"\#(Sample.secrets[0])"}"#
        operation.entity.id = Sample.secrets[0]
        tracing.record(.enqueued(id: operation.id, seq: 1), about: Event.Subject(operation, attempt: 1), at: Sample.start)
        tracing.ended(operation.idempotencyKey, in: tracing.place(of: operation.traceID))
        tracing.record(Sample.failed(1, message: Sample.talkative), about: Event.Subject(operation, attempt: 1), at: Sample.start)
        var encoder = SpanEncoder(serviceName: "guardian", serviceVersion: "1", instance: "a")
        let text = String(decoding: encoder.encode(finished.value), as: UTF8.self)
        #expect(finished.value.count == 2)
        for secret in Sample.secrets { #expect(!text.contains(secret), "\(secret)") }
    }
}
