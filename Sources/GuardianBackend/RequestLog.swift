import Foundation
import HTTPTypes

/// One API request as it came.
///
/// Credentials are shown as they came too: this is a test server on loopback, and tests look at what they sent.
public struct LoggedRequest: Sendable, Equatable {
    /// From 1, in the order in which requests had arrived whole.
    public var n: Int
    /// Reads (`GET`) are logged too.
    public var method: String
    /// With the query, as it was sent.
    public var path: String
    /// By lower-case name; a field that came more than once is joined with `, `.
    public var headers: [String: String]
    /// As it was before it was compressed; empty when it could not be taken.
    public var body: String
    /// nil while the request is under way, 0 when the connection was closed without an answer.
    public var status: Int?
    /// RFC 3339 UTC, with milliseconds.
    public var at: String

    var json: [String: Any] {
        ["n": n, "method": method, "path": path, "headers": headers, "body": body, "status": status ?? NSNull(), "at": at]
    }
}

/// The last 10 000 requests, or fewer when their bodies come to more than 256 MiB.
struct RequestLog {
    static let mostRequests = 10_000
    static let mostBytes = 256 << 20

    private struct Entry {
        var head: HTTPRequest
        var body: String
        var at: Date
        var status: Int?
    }

    private var entries: [Entry] = []
    /// Where the log begins in `entries`; what stands before is blank, and leaves a thousand at a time.
    private var start = 0
    /// How many have left `entries`.
    private var gone = 0
    private var bytes = 0

    /// The number of the request.
    mutating func append(_ head: HTTPRequest, body: String, at now: Date) -> Int {
        entries.append(Entry(head: head, body: body, at: now))
        bytes += body.utf8.count
        while entries.count - start > Self.mostRequests || (bytes > Self.mostBytes && entries.count - start > 1) {
            bytes -= entries[start].body.utf8.count
            (entries[start].body, entries[start].head.headerFields) = ("", [:])
            start += 1
        }
        if start >= 1000 {
            entries.removeFirst(start)
            (gone, start) = (gone + start, 0)
        }
        return gone + entries.count
    }

    mutating func close(_ n: Int, status: Int) {
        let index = n - 1 - gone
        if index >= start { entries[index].status = status }
    }

    /// `limit` requests at most, those with a number above `after`.
    func page(after: Int, limit: Int) -> [LoggedRequest] {
        let first = min(max(start, after - gone), entries.count)
        return entries[first...].prefix(limit).enumerated().map { offset, entry in
            var headers: [String: String] = [:]
            headers["host"] = entry.head.authority
            for field in entry.head.headerFields {
                let name = field.name.canonicalName
                headers[name] = headers[name].map { $0 + ", " + field.value } ?? field.value
            }
            return LoggedRequest(
                n: gone + first + offset + 1, method: entry.head.method.rawValue, path: entry.head.path ?? "", headers: headers,
                body: entry.body, status: entry.status, at: entry.at.rfc3339)
        }
    }
}
