import Foundation
import GuardianCore
import Testing

import GuardianTelemetry

@Suite("Sentry's spool")
struct SentrySpoolTests {
    private func id(_ number: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 32 - text.count) + text
    }

    private func spool(_ scratch: Scratch, _ change: (inout SentrySpool.Limits) -> Void = { _ in }) throws -> SentrySpool {
        var limits = SentrySpool.Limits()
        limits.leastFreeBytes = 0
        change(&limits)
        return try SentrySpool(directory: scratch.path + "/spool", limits: limits, now: Sample.now)
    }

    @Test("events are kept over a restart, the oldest first, readable by nobody else")
    func survives() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var first = try spool(scratch)
        for number in [3, 1, 2] {
            _ = try first.add(eventID: id(number), payload: Array("{\(number)}".utf8), at: Sample.start.adding(milliseconds: Int64(number)))
        }
        try Data("half".utf8).write(to: URL(fileURLWithPath: scratch.path + "/spool/00000000000001-\(id(9)).json.tmp"))
        try Data("other".utf8).write(to: URL(fileURLWithPath: scratch.path + "/spool/README"))
        let second = try spool(scratch)
        #expect(second.entries == first.entries)
        #expect(second.entries.map(\.eventID) == [id(1), id(2), id(3)])
        #expect(second.payload(of: second.entries[0]) == Array("{1}".utf8))
        let path = second.directory + "/" + second.entries[0].name
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber == 0o600)
        #expect(try FileManager.default.attributesOfItem(atPath: second.directory)[.posixPermissions] as? NSNumber == 0o700)
    }

    @Test("number, bytes and age have limits: the oldest go, and are counted")
    func hasLimits() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var spool = try spool(scratch) {
            $0.events = 5
            $0.bytes = 1000
            $0.ageMs = 10_000
        }
        var lost = 0
        for number in 0..<8 {
            lost += try spool.add(eventID: id(number), payload: [1], at: Sample.start.adding(milliseconds: Int64(number) * 1000))
        }
        #expect(lost == 3)
        #expect(spool.entries.map(\.eventID) == (3..<8).map(id))
        #expect(try spool.add(eventID: id(8), payload: [UInt8](repeating: 1, count: 997), at: Sample.start.adding(milliseconds: 8000)) == 2)
        #expect(spool.expire(now: Sample.start.adding(milliseconds: 17_001)) == 3)
        #expect(spool.entries.map(\.eventID) == [id(8)])
        #expect(try FileManager.default.contentsOfDirectory(atPath: spool.directory).count == 1)
    }

    @Test("a spool opens while another process sends, and removes, what lies in its directory")
    func sharesItsDirectory() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var sibling = try spool(scratch)
        for number in 0..<2000 {
            _ = try sibling.add(eventID: id(number), payload: [1], at: Sample.start.adding(milliseconds: Int64(number)))
        }
        let sent = sibling.entries.map { sibling.directory + "/" + $0.name }
        Thread.detachNewThread { for path in sent { unlink(path) } }
        while try !spool(scratch).entries.isEmpty {}
    }

    @Test("a file that another process is writing is left alone; one that has lain half written for an hour is removed")
    func clearsUp() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let directory = try spool(scratch).directory
        let names = [1, 2].map { "00000000000001-\(id($0)).json.tmp" }
        for name in names { try Data("half".utf8).write(to: URL(fileURLWithPath: directory + "/" + name)) }
        let old = Date(timeIntervalSince1970: Double(Sample.now.milliseconds) / 1000 - 3601)
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: directory + "/" + names[1])
        #expect(try spool(scratch).entries.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [names[0]])
    }

    @Test("with almost no room on the volume nothing is written")
    func hasNoRoom() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var spool = try spool(scratch) { $0.leastFreeBytes = .max }
        #expect(throws: LogFileError.self) { try spool.add(eventID: id(1), payload: [1], at: Sample.start) }
        #expect(spool.entries.isEmpty)
    }
}
