package import GuardianCore
import Synchronization
public import Tracing

/// A tracer that speaks W3C Trace Context and hands finished spans to an exporter; what the sidecar uses when `trace.endpoint` is set.
///
/// An app that has a tracer of its own does not need it: ``OperationTracing`` works with any.
public final class GuardianTracer: Tracer {
    public typealias Span = GuardianSpan

    private let ratio: Double
    private let random: Mutex<Xoshiro256>
    private let deliver: @Sendable (FinishedSpan) -> Void

    /// `ratio` of all traces are kept, from 0 to 1; which ones depends on their ids only, so that every process agrees.
    public convenience init(exporter: SpanExporter, ratio: Double = 1) { self.init(ratio: ratio) { exporter.add($0) } }

    package init(ratio: Double = 1, random: Xoshiro256 = .fromSystem(), deliver: @escaping @Sendable (FinishedSpan) -> Void) {
        self.ratio = min(max(ratio, 0), 1)
        self.random = Mutex(random)
        self.deliver = deliver
    }

    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind, at instant: @autoclosure () -> Instant,
        function: String, file fileID: String, line: UInt
    ) -> GuardianSpan {
        var context = context()
        let parent = context[CurrentSpan.self]
        let identity: SpanIdentity
        if let reserved = context[ReservedSpan.self] {
            identity = SpanIdentity(traceID: reserved.traceID, spanID: reserved.spanID, isSampled: isSampled(reserved.traceID))
            context[ReservedSpan.self] = nil
        } else {
            let (trace, span) = random.withLock { (UniqueID.v4(using: &$0), $0.next()) }
            let traceID = parent?.traceID ?? trace.hex
            identity = SpanIdentity(
                traceID: traceID, spanID: Self.hex(span == 0 ? 1 : span), isSampled: parent?.isSampled ?? isSampled(traceID))
        }
        context[CurrentSpan.self] = identity
        let start = instant().nanosecondsSinceEpoch
        let begun = FinishedSpan(
            name: operationName, identity: identity, parentID: parent?.spanID == identity.spanID ? nil : parent?.spanID, kind: kind,
            start: start, end: start, attributes: [:], moments: [], links: [], status: nil)
        return GuardianSpan(begun, context: context, deliver: deliver)
    }

    /// What ``extract(_:into:using:)`` makes of its `traceparent`, without writing and reading that.
    package func context(after parent: SpanIdentity) -> ServiceContext {
        var context = ServiceContext.topLevel
        var parent = parent
        parent.isSampled = parent.isSampled && isSampled(parent.traceID)
        context[CurrentSpan.self] = parent
        return context
    }

    /// Nothing: the exporter goes on by itself.
    public func forceFlush() {}

    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let text = extractor.extract(key: "traceparent", from: carrier), var found = SpanIdentity(traceparent: text) else { return }
        found.isSampled = found.isSampled && isSampled(found.traceID)
        context[CurrentSpan.self] = found
    }

    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context[CurrentSpan.self] else { return }
        injector.inject(span.traceparent, forKey: "traceparent", into: &carrier)
    }

    /// By the last 14 digits, which are random in every kind of id.
    private func isSampled(_ traceID: String) -> Bool {
        guard ratio < 1 else { return true }
        let value = UInt64(traceID.suffix(14), radix: 16) ?? 0
        return Double(value) / Double(1 << 56 as UInt64) < ratio
    }

    private static func hex(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
}
