import GuardianCore
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("Server-sent events")
struct ServerSentEventsTests {
    typealias Item = ServerSentEvents.Item

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var stream: String
        var items: [Item]
        var testDescription: String { name }

        init(_ name: String, _ stream: String, _ items: Item...) { (self.name, self.stream, self.items) = (name, stream, items) }
    }

    static func event(_ data: String, _ type: String = "message", id: String = "") -> Item {
        .event(.init(type: type, data: data, id: id))
    }

    /// The examples of the standard come first.
    static let cases = [
        Case(
            "one event of three lines", "data: YHOO\ndata: +2\ndata: 10\n\n",
            event("YHOO\n+2\n10")),
        Case(
            "a comment, ids, one that is reset",
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            event("first event", id: "1"), event("second event"), event(" third event")),
        Case("empty data, and an event that never ends", "data\n\ndata\ndata\n\ndata:", event(""), event("\n")),
        Case("one space after the colon means nothing", "data:test\n\ndata: test\n\n", event("test"), event("test")),
        Case("types", "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n", event("73857293", "add"), event("2153", "remove")),
        Case("every line end", "data: a\rdata: b\r\ndata: c\n\r\ndata: d\r\r", event("a\nb\nc"), event("d")),
        Case("CR LF CR LF is one blank line", "data: a\r\n\r\ndata: b\r\n\r\n", event("a"), event("b")),
        Case("one byte order mark in front is not read", "\u{FEFF}data: a\n\n", event("a")),
        Case("a second one is, so the field has no name", "\u{FEFF}\u{FEFF}data: a\n\n"),
        Case("one behind the first line is", "data: a\n\u{FEFF}data: b\n\n", event("a")),
        Case("an id with NUL is no id", "id: 1\u{0}2\ndata: a\n\n", event("a")),
        Case("an id stays until another", "id: 7\ndata: a\n\ndata: b\n\n", event("a", id: "7"), event("b", id: "7")),
        Case("an id without data moves", "id: 7\n\nid: 7\n\nid: 8\n\n", .lastEventID("7"), .lastEventID("8")),
        Case("a type without data is forgotten", "event: x\n\ndata: a\n\n", event("a")),
        Case("an empty type is message", "event:\ndata: a\n\n", event("a")),
        Case("retry of digits", "retry: 2500\n\n", .retry(2500)),
        Case("retry of anything else", "retry: 1.5\nretry: -1\nretry: 0x10\nretry:\nretry\nretry: 1 \nretry: ٣\n\n"),
        Case("retry beyond all numbers", "retry: 99999999999999999999999\n\n", .retry(.max)),
        Case("names are exact", "Data: a\n data: b\ndatas: c\nfoo\n: data: d\n\n"),
        Case("only the first colon parts", "data: a:b: c\n\n", event("a:b: c")),
        Case("no blank line, no event", "data: a\n"),
        Case("text of all the world", "data: 寒い 🥶 é\nid: ü\n\n", event("寒い 🥶 é", id: "ü")),
    ]

    /// All of it at once, or in pieces.
    static func read(_ pieces: [ArraySlice<UInt8>], limit: Int = 4096) throws -> [Item] {
        var events = ServerSentEvents(lineLimit: limit, eventLimit: limit)
        return try pieces.flatMap { try events.read(Array($0)) }
    }

    @Test("every stream reads as the standard says", arguments: cases)
    func reads(example: Case) throws {
        #expect(try Self.read([Array(example.stream.utf8)[...]]) == example.items)
    }

    @Test("where the bytes are cut makes no difference", arguments: cases)
    func cuts(example: Case) throws {
        let bytes = Array(example.stream.utf8)
        for cut in 0...bytes.count {
            #expect(try Self.read([bytes[..<cut], bytes[cut...]]) == example.items, "cut at \(cut)")
        }
        #expect(try Self.read(bytes.indices.map { bytes[$0...$0] }) == example.items)
    }

    @Test("bytes that are no UTF-8 become replacement characters, and end nothing")
    func notUTF8() throws {
        let bytes = Array("data: a".utf8) + [0xFF, 0xC3, 0x0A] + Array("data: b\n\n".utf8)
        #expect(try Self.read([bytes[...]]) == [Self.event("a\u{FFFD}\u{FFFD}\nb")])
    }

    @Test("it goes on from the last event ID it is given")
    func goesOn() throws {
        var events = ServerSentEvents(lastEventID: "41")
        #expect(try events.read(Array("data: a\n\n".utf8)) == [Self.event("a", id: "41")])
        _ = try events.read(Array("id: 42\n".utf8))
        #expect(events.lastEventID == "41")
        _ = try events.read(Array("\n".utf8))
        #expect(events.lastEventID == "42")
    }

    @Test("a line or an event that is too large is an error that names the limit, from then on, and keeps what came before")
    func tooLarge() throws {
        for (text, part) in [
            (": " + String(repeating: "x", count: 99), "line"), (String(repeating: "data: 12345678\n", count: 11), "event"),
        ] {
            var events = ServerSentEvents(lineLimit: 100, eventLimit: 98)
            var items: [Item] = []
            let error = Array(("data: kept\n\n" + text).utf8).withUnsafeBytes { bytes -> ServerSentEvents.TooLarge? in
                do throws(ServerSentEvents.TooLarge) { try events.read(bytes, into: &items) } catch { return error }
                return nil
            }
            #expect(error?.part.rawValue == part)
            #expect(error.map { "\($0)".contains($0.limit == 100 ? "100" : "98") } == true)
            #expect(items == [Self.event("kept")])
            #expect(throws: ServerSentEvents.TooLarge.self) { try events.read(Array("\n\ndata: a\n\n".utf8)) }
        }
    }

    @Test("a line and an event of exactly the limit are read")
    func exactlyTheLimit() throws {
        let line = "data: " + String(repeating: "x", count: 94)
        #expect(try Self.read([Array((line + "\n\n").utf8)[...]], limit: 100).count == 1)
    }

    @Test("whatever comes, it reads the same whole and in pieces, and never traps", arguments: 0..<200 as Range<UInt64>)
    func fuzz(seed: UInt64) throws {
        var random = Xoshiro256(seed: seed)
        let words: [[UInt8]] =
            ["data", "event", "id", "retry", ":", ": ", "\n", "\n", "\n\n", "\r", "\r\n", "\u{0}", "12", "é🥶", "\u{FEFF}"].map {
                Array($0.utf8)
            }
            + [[0xFF], [0xE2, 0x82], [0x80]]
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0..<400, using: &random) { bytes += words.randomElement(using: &random) ?? [] }
        let whole = Result { try Self.read([bytes[...]], limit: 60) }
        var pieces: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...9, using: &random))
            pieces.append(piece)
            rest = rest.dropFirst(piece.count)
        }
        let cut = Result { try Self.read(pieces, limit: 60) }
        switch (whole, cut) {
        case (.success(let a), .success(let b)): #expect(a == b, "seed \(seed)")
        case (.failure(let a), .failure(let b)):
            #expect(a as? ServerSentEvents.TooLarge == b as? ServerSentEvents.TooLarge, "seed \(seed)")
        default: Issue.record("seed \(seed): only one of them failed")
        }
    }

    @Test("a hundred times the bytes take about a hundred times as long, in one line, in many lines and in small pieces")
    func linear() throws {
        func cost(_ count: Int, _ unit: String, pieces: Int) throws -> Duration {
            let bytes = Array((String(repeating: unit, count: count / unit.utf8.count) + "\n\n").utf8)
            var events = ServerSentEvents(lineLimit: 8 << 20, eventLimit: 8 << 20)
            let start = Self.processorTime()
            for start in stride(from: 0, to: bytes.count, by: pieces) {
                _ = try events.read(Array(bytes[start..<min(start + pieces, bytes.count)]))
            }
            return Self.processorTime() - start
        }
        for (unit, pieces) in [("x", 1 << 20), ("data: 1\n", 1 << 20), ("\r", 1 << 20), ("x", 16)] {
            let small = try (0..<3).map { _ in try cost(10_000, unit, pieces: pieces) }.min() ?? .zero
            let large = try cost(1_000_000, unit, pieces: pieces)
            // Quadratic would be ten thousand times.
            #expect(large < small * 1000, "\(unit.debugDescription) by \(pieces): \(small), \(large)")
        }
    }

    /// Of this thread, so that other work of the machine does not count.
    static func processorTime() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }
}
