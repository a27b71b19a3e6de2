import Foundation
import GuardianCore
import TestServers
import Testing

import GuardianTelemetry

@Suite("Crashes found at restart")
struct CrashTests {
    @Test("a process that ended as it should leaves nothing; one that is alive is no crash; one that is gone is told once")
    func markers() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let (first, none) = try RunMarker.begin(in: scratch.path, version: "1.0", now: Sample.start)
        #expect(none.isEmpty)
        let (second, stillNone) = try RunMarker.begin(in: scratch.path, version: "1.0", now: Sample.start.adding(milliseconds: 1))
        #expect(stillNone.isEmpty)
        first.end()
        first.end()
        second.end()
        #expect(scratch.names.isEmpty)
        // What the kernel leaves of a process that was killed: the file, and nobody's lock.
        try Data(#"{"started_at":"2026-01-01T00:00:00.000Z","version":"0.9","pid":77}"#.utf8)
            .write(to: URL(fileURLWithPath: scratch.path + "/1-77.running"))
        try Data().write(to: URL(fileURLWithPath: scratch.path + "/2-78.running"))
        let (third, found) = try RunMarker.begin(in: scratch.path, version: "1.0", now: Sample.start.adding(milliseconds: 2))
        #expect(found.map(\.pid) == [77, 0])
        #expect(found.first?.version == "0.9")
        third.end()
        let (fourth, again) = try RunMarker.begin(in: scratch.path, version: "1.0", now: Sample.start.adding(milliseconds: 3))
        #expect(again.isEmpty)
        fourth.end()
    }

    @Test("of processes that start together one tells of a dead one, and none of another that lives")
    func startTogether() async throws {
        for _ in 0..<100 {
            let scratch = try Scratch()
            defer { scratch.remove() }
            try Data(#"{"pid":77}"#.utf8).write(to: URL(fileURLWithPath: scratch.path + "/1-77.running"))
            let (markers, unclean) = try await Self.begin(8, in: scratch.path)
            #expect(unclean.map(\.pid) == [77])
            #expect(scratch.names.count == 8)
            for marker in markers { marker.end() }
            #expect(scratch.names.isEmpty)
        }
    }

    /// So many begin at once; their markers, and what all of them have found.
    private static func begin(_ count: Int, in path: String) async throws -> ([RunMarker], [RunMarker.Unclean]) {
        try await withThrowingTaskGroup(of: (RunMarker, [RunMarker.Unclean]).self) { group in
            for number in 0..<count {
                group.addTask {
                    let begun = try RunMarker.begin(in: path, version: "1.0", now: Sample.start.adding(milliseconds: Int64(number)))
                    return (begun.marker, begun.unclean)
                }
            }
            var (markers, unclean): ([RunMarker], [RunMarker.Unclean]) = ([], [])
            for try await (marker, found) in group {
                markers.append(marker)
                unclean += found
            }
            return (markers, unclean)
        }
    }

    @Test("what a start that was cut short has left is no crash, and is removed")
    func cutShort() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for content in ["", #"{"pid":77}"#] {
            try Data(content.utf8).write(to: URL(fileURLWithPath: scratch.path + "/1-77-a.starting"))
            let (marker, unclean) = try RunMarker.begin(in: scratch.path, version: "1.0", now: Sample.start)
            #expect(unclean.isEmpty)
            #expect(scratch.names.count == 1 && scratch.names.allSatisfy { $0.hasSuffix(".running") })
            marker.end()
        }
    }

    static let report = """
        *** Program crashed: Illegal instruction at 0x00007ff59d16df7f ***

        Platform: x86_64 Linux (Debian GNU/Linux 12 (bookworm))

        Thread 3 "NIO-ELT-0" crashed:

          0      0x00007ff59d16df7f closure #1 in closure #1 in _assertionFailure(_:_:file:line:flags:) + 623 in libswiftCore.so
          1 [ra] 0x00005580a9355f21 inner(_:) + 32 in guardian at /src/Queue File.swift:12:5
          2 [ra] [inlined] 0x00005580a9355e65 outer() in guardian
        ...

        Registers:

        rax 0x0000000000000000  0

        Images (12 omitted):

        0x00005580a9355000–0x00005580a93561d8 e75f47748c373fc5d60f484f5b0344bed581166d guardian /usr/bin/guardian
        """

    @Test("the backtracer's report becomes frames, the oldest call first")
    func reads() throws {
        let trace = try #require(Backtrace(report: Self.report))
        #expect(trace.reason == "Program crashed: Illegal instruction at 0x00007ff59d16df7f")
        #expect(
            trace.frames.map(\.function) == [
                "outer()", "inner(_:)", "closure #1 in closure #1 in _assertionFailure(_:_:file:line:flags:)",
            ])
        #expect(trace.frames[1].file == "/src/Queue File.swift" && trace.frames[1].line == 12)
        #expect(trace.frames[1].image == "guardian" && trace.frames[2].image == "libswiftCore.so")
        #expect(trace.frames[1].json["in_app"] == true && trace.frames[2].json["in_app"] == false)
        #expect(Backtrace(report: "nothing of the kind") == nil)
        #expect(Backtrace(report: "") == nil)
    }

    @Test("a crash is reported with its stack, as nobody's error that was handled; the report is used up")
    func isReported() async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let listener = SentryListener()
        try await listener.listening { port in
            let crashes = scratch.path + "/crashes"
            try FileManager.default.createDirectory(atPath: crashes, withIntermediateDirectories: true)
            try Data(Self.report.utf8).write(to: URL(fileURLWithPath: crashes + "/guardian-4711-0.0.log"))
            let sink = SentrySink(try SentryTests.configuration(port: port, spool: scratch.path + "/spool"))
            try await TestServer.beside({ await sink.run() }) {
                sink.capture(RunMarker.Unclean(startedAt: Sample.start, version: "0.9", pid: 4711), crashDirectory: crashes)
                sink.capture(RunMarker.Unclean(startedAt: Sample.start, version: "0.9", pid: 4711), crashDirectory: crashes)
                #expect(await TestServer.eventually { listener.events.count == 2 })
            }
            #expect(listener.defects.isEmpty, "\(listener.defects)")
            let exceptions = listener.events.compactMap { $0["exception"]?["values"]?.elements?.first }
            #expect(Set(exceptions.compactMap { $0["type"]?.string }) == ["crash", "unclean_shutdown"])
            let crash = try #require(exceptions.first { $0["type"] == "crash" })
            #expect(crash["stacktrace"]?["frames"]?.elements?.count == 3)
            #expect(crash["mechanism"]?["handled"] == false)
            #expect(listener.events.first?["level"] == "fatal")
        }
    }
}
