package import Tracing

/// A span that has ended, as it is exported.
package struct FinishedSpan: Sendable {
    /// Something that happened within it.
    package struct Moment: Sendable {
        package var name: String
        package var nanoseconds: UInt64
        package var attributes: SpanAttributes

        package init(name: String, nanoseconds: UInt64, attributes: SpanAttributes) {
            self.name = name
            self.nanoseconds = nanoseconds
            self.attributes = attributes
        }
    }

    package var name: String
    package var identity: SpanIdentity
    package var parent: UInt64?
    package var kind: SpanKind
    package var start: UInt64
    package var end: UInt64
    package var attributes: SpanAttributes
    package var moments: [Moment]
    package var links: [SpanIdentity]
    package var status: SpanStatus?
}
