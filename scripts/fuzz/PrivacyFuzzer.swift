import GuardianCore
import GuardianPrivacy

/// What libFuzzer calls with every input. The first byte chooses what is fed; a promise that is broken ends the process.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 1 else { return 0 }
    let input = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
    switch start[0] % 4 {
    case 0: text(input)
    case 1: json(input)
    case 2: csv(input)
    default: pattern(input)
    }
    return 0
}

private func breaks(_ bytes: [UInt8]) -> Int { bytes.count { $0 == 0x0A } }

private func text(_ input: [UInt8]) {
    let once = Redactor.standard.redact(input)
    precondition(breaks(once) == breaks(input), "a line was lost or made")
    // Again changes nothing, unless more than four secrets hang on each other: that is asked of seeded text in the tests.
    precondition(breaks(Redactor.standard.redact(once)) == breaks(input), "a line was lost or made the second time")
    // Cut anywhere, a stream keeps its lines too.
    var stream = LineRedaction()
    var out: [UInt8] = []
    let cut = input.count / 2
    input[..<cut].withUnsafeBufferPointer { stream.take($0, into: &out) }
    input[cut...].withUnsafeBufferPointer { stream.take($0, into: &out) }
    stream.finish(into: &out)
    precondition(breaks(out) == breaks(input), "a line was lost or made in a stream")
}

private func json(_ input: [UInt8]) {
    var out: [UInt8] = []
    input.withUnsafeBufferPointer { Redactor.standard.redact(json: $0, into: &out) }
    let text = String(decoding: input, as: UTF8.self)
    guard String(validating: input, as: UTF8.self) != nil, let value = try? JSONValue(parsing: text) else { return }
    guard let redacted = try? JSONValue(parsing: String(decoding: out, as: UTF8.self)) else { preconditionFailure("JSON became something else") }
    precondition(redacted == Redactor.standard.redact(value), "walking and building differ")
    let hidden = JSONValue.object([.init("apiKey", .string("canary-" + text))])
    precondition(!Redactor.standard.redact(json: hidden.text).contains("canary-"), "a canary came through")
}

private func csv(_ input: [UInt8]) {
    let text = String(decoding: input, as: UTF8.self)
    let time = Timestamp(milliseconds: 0)
    // As it is, and where a canary hides in it.
    let hiding = JSONValue.object([.init("a", .string(text)), .init("apiKey", .string("canary-" + text))]).text
    for (format, payload) in ExportFormat.allCases.flatMap({ [($0, text), ($0, hiding)] }) {
        var writer = ExportWriter(format: format, includingPayload: true, exportedAt: time)
        writer.begin(total: 1)
        writer.append(
            Operation(
                id: OperationID(text) ?? .uuid(UniqueID(high: 0, low: 0)), idempotencyKey: UniqueID(high: 1, low: 2), traceID: UniqueID(high: 3, low: 4),
                type: text, entity: EntityKey(type: text, id: text), payload: payload, enqueuedAt: time))
        writer.finish()
        var out: [UInt8] = []
        writer.drain(into: &out)
        precondition(!out.isEmpty)
        let isShown = !text.contains("canary-") && String(decoding: out, as: UTF8.self).contains("canary-")
        precondition(!isShown, "a canary came through")
    }
}

private func pattern(_ input: [UInt8]) {
    let half = input.count / 2
    guard let pattern = try? RedactionPattern(String(decoding: input[..<half], as: UTF8.self)) else { return }
    _ = Redactor(patterns: [pattern]).redact(Array(input[half...]))
}
