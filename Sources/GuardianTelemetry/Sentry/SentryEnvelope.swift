package import GuardianCore

/// The bytes of one request to Sentry (develop.sentry.dev, "Envelopes"): a line of headers, then items, each a line of headers and a
/// payload.
package enum SentryEnvelope {
    package static let client = "guardian-swift/0.1.0"
    package static let contentType = "application/x-sentry-envelope"

    /// Why events never left, for Sentry's statistics of lost ones.
    package struct Loss: Hashable, Sendable {
        package enum Reason: String, Sendable {
            /// The spool was full, or the event too old.
            case cacheOverflow = "cache_overflow"
            /// More came at once than could be written down.
            case queueOverflow = "queue_overflow"
            /// The same kind of event came too often.
            case backpressure
            /// Sentry did not want it.
            case sendError = "send_error"
        }

        package var reason: Reason
    }

    /// One event, and what was lost since the last report.
    package static func bytes(eventID: String, payload: [UInt8], losses: [Loss: Int], sentAt: Timestamp) -> [UInt8] {
        let headers: JSONValue = [
            "event_id": .string(eventID), "sent_at": .string(sentAt.rfc3339),
            "sdk": ["name": "guardian.swift", "version": "0.1.0"],
        ]
        var bytes: [UInt8] = []
        line(headers, &bytes)
        item("event", payload, &bytes)
        if !losses.isEmpty {
            let counts = losses.sorted { $0.key.reason.rawValue < $1.key.reason.rawValue }.map { loss, count -> JSONValue in
                ["reason": .string(loss.reason.rawValue), "category": "error", "quantity": JSONValue(count)]
            }
            let report: JSONValue = ["timestamp": .string(sentAt.rfc3339), "discarded_events": .array(counts)]
            item("client_report", Array(report.text.utf8), &bytes)
        }
        return bytes
    }

    private static func item(_ type: String, _ payload: [UInt8], _ bytes: inout [UInt8]) {
        line(["type": .string(type), "length": JSONValue(payload.count), "content_type": "application/json"], &bytes)
        bytes += payload
        bytes.append(UInt8(ascii: "\n"))
    }

    private static func line(_ headers: JSONValue, _ bytes: inout [UInt8]) {
        headers.write(to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
    }
}
