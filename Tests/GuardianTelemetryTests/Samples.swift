import Foundation
import GuardianCore
import GuardianTelemetry
import GuardianTesting
import Synchronization
import Testing

/// A directory of a test's own.
struct Scratch {
    let path = NSTemporaryDirectory() + "/guardian-telemetry-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    func remove() { do { try FileManager.default.removeItem(atPath: path) } catch {} }

    func text(_ name: String) throws -> String { try String(contentsOfFile: path + "/" + name, encoding: .utf8) }

    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

/// What tests tell about.
enum Sample {
    static let start = Timestamp(milliseconds: 1_767_225_600_000)
    /// For what would be too old to be sent otherwise.
    static let now = SystemClock().now.wall

    /// Both clocks so many seconds after ``start``, when the steady one was 0.
    static func moment(_ seconds: Int64) -> Moment {
        Moment(steady: seconds * 1000, wall: start.adding(milliseconds: seconds * 1000))
    }

    static func operation(_ number: Int, type: String = "update") -> GuardianCore.Operation {
        var random = Xoshiro256(seed: UInt64(number))
        return Operation(
            seq: Int64(number), id: .text("op-\(number)"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: type,
            entity: EntityKey(type: "room", id: "r\(number)"), payload: "{}", enqueuedAt: start)
    }

    static func subject(_ number: Int, attempt: Int = 1) -> Event.Subject { Event.Subject(operation(number), attempt: attempt) }

    static func failed(_ number: Int, code: String = "FORBIDDEN", message: String = "not yours") -> Event {
        .failed(id: .text("op-\(number)"), error: LastError(class: .permanent, code: code, httpStatus: 403, message: message))
    }

    static func line(_ number: Int, level: LogLevel = .info, message: String = "something happened") -> LogLine {
        LogLine(
            timestamp: start.adding(milliseconds: Int64(number) * 1000), level: level, message: message,
            traceID: operation(number).traceID.description, operationType: number % 2 == 0 ? "update" : "create",
            fields: [.init("n", JSONValue(number))])
    }

    static func bytes(_ line: LogLine) -> [UInt8] { Array((line.json.text + "\n").utf8) }

    /// What must never get out, in every form that payloads, ids and servers' messages bring it in.
    static let secrets = [
        "jane.doe@example.com", "4111 1111 1111 1111", "4111111111111111", "+1 415 555 2671", "(415) 555-2671", "078-05-1120",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U", "hunter2secret",
    ]

    static var talkative: String {
        "mail \(secrets[0]) or call \(secrets[3]) / \(secrets[4]); card \(secrets[1]), \(secrets[2]); ssn \(secrets[5]); "
            + "Authorization: Bearer \(secrets[6]); password=\(secrets[7])"
    }
}

/// A number that a test changes while others read it.
final class Dial<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) { state = Mutex(value) }

    var value: Value {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    /// Reads and writes in one; `value` alone is two steps.
    func update<Result: Sendable>(_ change: @Sendable (inout Value) -> Result) -> Result { state.withLock { change(&$0) } }
}
