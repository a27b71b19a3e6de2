import Foundation
import GuardianCore
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Talks to the processes under test: one connection for each request, so that what a killed process leaves behind is never used again.
enum Web {
    struct Answer {
        var status: Int
        var headers: String
        var body: String
        var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
    }

    /// An operation that is taken.
    static let operation = #"{"operation_type":"update","entity_type":"room","entity_id":"r1","payload":{}}"#

    /// No whole answer came.
    struct NoAnswer: Error { var what: String }

    private static let queue = DispatchQueue(label: "guardian.tests.web", attributes: .concurrent)

    /// `url` is `http://127.0.0.1:port` or `unix:/path`.
    static func send(
        _ method: String, _ url: String, _ path: String, body: String = "", headers: [String: String] = [:], timeout: Int = 30
    ) async throws -> Answer {
        try await send(method, url, path, bytes: Array(body.utf8), headers: headers, timeout: timeout)
    }

    /// For bodies that are no text.
    static func send(
        _ method: String, _ url: String, _ path: String, bytes: [UInt8], headers: [String: String] = [:], timeout: Int = 30
    ) async throws -> Answer {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: \(bytes.count)\r\n"
        if headers["Content-Type"] == nil { head += "Content-Type: application/json\r\n" }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        let message = Array((head + "\r\n").utf8) + bytes
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try Socket.exchange(url, message, timeout: timeout) }) }
        }
    }

    static func post(_ url: String, _ body: String) async throws -> Int {
        try await send("POST", url, "/v1/operations", body: body).status
    }

    static func get(_ url: String, _ path: String) async throws -> Answer { try await send("GET", url, path) }

    static func processed(_ url: String) async throws -> Int {
        Int(try await get(url, "/v1/status").json["books"]?["processed"]?.integer ?? 0)
    }

    /// Makes the reference upstream answer every request with `status`; nil makes it work again.
    static func setMode(_ url: String, status: Int?) async throws {
        let mode = status.map { #"{"mode":"status","status":\#($0)}"# } ?? #"{"mode":"up"}"#
        #expect(try await send("PUT", url, "/_mode", body: mode).status == 200)
    }

    /// Makes the reference upstream refuse these rooms with 422, and take all others.
    static func poison(_ url: String, _ rooms: [String]) async throws {
        let paths = rooms.map { "\"/api/v1/rooms/\($0)\"" }.joined(separator: ",")
        #expect(try await send("PUT", url, "/_mode", body: #"{"mode":"poison","entities":[\#(paths)],"status":422}"#).status == 200)
    }

    static func failed(_ url: String) async throws -> Int {
        Int(try await get(url, "/v1/status").json["books"]?["failed"]?.integer ?? 0)
    }

    struct Effect {
        var key: String
        var entity: String
        var seq: Int
    }

    static func effects(_ url: String) async throws -> [Effect] {
        let list = try #require(try await get(url, "/_effects").json["effects"]?.elements)
        return list.map {
            Effect(
                key: $0["idempotency_key"]?.string ?? "", entity: $0["entity"]?.string ?? "", seq: Int($0["payload_seq"]?.integer ?? 0))
        }
    }

    /// The ids of what is stored, a thousand at most.
    static func listed(_ url: String) async throws -> Set<String> {
        let answer = try await get(url, "/v1/operations?limit=1000")
        return Set(try #require(answer.json["operations"]?.elements, "\(answer.body)").compactMap { $0["id"]?.string })
    }

    /// Expects a daemon that is up, has no store, and says why.
    static func expectNotReady(_ url: String, because reason: String) async throws {
        #expect(try await get(url, "/healthz").status == 200)
        for (method, path) in [("GET", "/readyz"), ("GET", "/v1/operations"), ("POST", "/v1/operations"), ("GET", "/v1/status")] {
            let answer = try await send(method, url, path, body: method == "POST" ? operation : "")
            #expect(answer.status == 503, "\(method) \(path): \(answer.body)")
            #expect(answer.headers.contains("application/problem+json"), "\(method) \(path): \(answer.headers)")
            #expect(answer.json["detail"]?.string?.contains(reason) == true, "\(method) \(path): \(answer.body)")
        }
    }

    /// Connects and says nothing; the sockets are to be closed.
    static func hold(_ count: Int, _ url: String) throws -> [Int32] { try (0..<count).map { _ in try Socket.connect(url) } }

    /// Asks again until it is so; at most `seconds`.
    static func wait(_ what: String, seconds: Int = 60, until isSo: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while try await !isSo() {
            guard ContinuousClock.now < end else {
                Issue.record("waited \(seconds) s for \(what)")
                return
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// One request over a socket of its own.
private enum Socket {
    static func exchange(_ url: String, _ message: [UInt8], timeout: Int) throws -> Web.Answer {
        let socket = try connect(url)
        defer { close(socket) }
        var limit = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var sent = 0
        while sent < message.count {
            let count = message[sent...].withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Web.NoAnswer(what: "the request broke off") }
            sent += count
        }
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(socket, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            received += chunk[..<count]
        }
        return try answer(received)
    }

    private static func answer(_ bytes: [UInt8]) throws -> Web.Answer {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n"), let status = Int(text.dropFirst(9).prefix(3)) else {
            throw Web.NoAnswer(what: "the answer broke off")
        }
        let head = String(text[..<end.lowerBound])
        var body = String(text[end.upperBound...])
        if head.lowercased().contains("transfer-encoding: chunked") { body = try joined(Array(body.utf8)) }
        if let found = head.range(of: "content-length: [0-9]+", options: [.regularExpression, .caseInsensitive]),
            let length = Int(head[found].drop { !$0.isNumber }), body.utf8.count < length
        {
            throw Web.NoAnswer(what: "the body broke off")
        }
        return Web.Answer(status: status, headers: head, body: body)
    }

    /// The pieces of a chunked body (RFC 9112 section 7.1) as one.
    private static func joined(_ bytes: [UInt8]) throws -> String {
        var (whole, rest) = ([UInt8](), bytes[...])
        while let line = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let size = String(decoding: rest[..<line], as: UTF8.self).prefix { $0.isHexDigit }
            guard let count = Int(size, radix: 16) else { break }
            if count == 0 { return String(decoding: whole, as: UTF8.self) }
            guard line + count + 2 < rest.endIndex else { break }
            whole += rest[(line + 1)..<(line + 1 + count)]
            rest = rest[(line + count + 3)...]
        }
        throw Web.NoAnswer(what: "the body broke off")
    }

    static func connect(_ url: String) throws -> Int32 {
        let isUnix = url.hasPrefix("unix:")
        let socket = Glibc.socket(isUnix ? AF_UNIX : AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw Web.NoAnswer(what: "no socket") }
        let result = isUnix ? connectUnix(socket, String(url.dropFirst(5))) : connectLoopback(socket, url)
        guard result == 0 else {
            close(socket)
            throw Web.NoAnswer(what: "\(url): \(String(cString: strerror(errno)))")
        }
        return socket
    }

    private static func connectUnix(_ socket: Int32, _ path: String) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { room in room.copyBytes(from: path.utf8.prefix(room.count - 1)) }
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func connectLoopback(_ socket: Int32, _ url: String) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = (url.split(separator: ":").last.flatMap { UInt16($0) } ?? 0).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
