import GuardianCore
import GuardianPrivacy
import NIOCore
import NIOHTTP1

/// Reads an answer into an outcome: whose it is, what it means, what it says.
struct AnswerReader {
    let envelope: HTTPTransportConfiguration.Envelope
    let origin: Origin
    var requiresTraceEcho = false

    func outcome(
        status: Int, headers: HTTPHeaders, body: ByteBuffer, operation: Operation, route: Route, url: String
    ) -> Outcome {
        let text = body.readableBytes == 0 ? "" : String(buffer: body)
        if let stranger = stranger(status, headers, text, url) { return .unanswered(.foreign, detail: stranger) }
        var answer = Answer(status: status, etag: headers.first(name: "etag"))
        let now = SystemClock().now.wall
        answer.retryAfterMs = headers.first(name: "retry-after").flatMap { RetryAfter.milliseconds($0, now: now) }
        if (200..<300).contains(status) {
            if let outcome = check(text, headers, operation, route, &answer) { return outcome }
        } else if status >= 300 {
            let said = describe(text, &answer)
            // They are made of the whole payload: only where they are of use.
            let isNaming = route.keyMapping != .none && said != nil && DetailsReader.namesFields(status)
            let names = isNaming ? WireNames(route.keyMapping, of: operation) : nil
            let reader = DetailsReader(headers: headers, body: said, names: names, isEnveloped: envelope == .standard)
            answer.details = reader.details(status: status, now: now)
        }
        return Self.outcome(of: answer, operation, route)
    }

    /// The same of a success whose body has been read already, as those in the answer to a batch have. One without a trace is known by the
    /// key that it stands under there.
    func outcome(status: Int, etag: String?, trace: String?, body: JSONValue, operation: Operation, route: Route) -> Outcome {
        if requiresTraceEcho, let trace, !Self.isTrace(trace, of: operation) { return Self.traceless }
        var answer = Answer(status: status, etag: etag)
        do throws(JSONScanner.Defect) {
            if let outcome = try check(body, operation, route, &answer) { return outcome }
        } catch {
            return Self.unparsable(error, &answer)
        }
        return Self.outcome(of: answer, operation, route)
    }

    private static func outcome(of answer: Answer, _ operation: Operation, _ route: Route) -> Outcome {
        var answer = answer
        let kind: AnswerClass?
        if let override = route.overrides[answer.status] {
            kind = override
            answer.isOverridden = override != .transient
        } else {
            kind = AnswerTable.classify(status: answer.status, operationType: operation.type, code: answer.code)
        }
        return kind.map { .refused($0, answer) } ?? .accepted(answer)
    }

    private static let traceless = Outcome.unanswered(.foreign, detail: "an answer without our trace id")

    private static func unparsable(_ defect: JSONScanner.Defect, _ answer: inout Answer) -> Outcome {
        answer.code = "UNPARSABLE_BODY"
        answer.message = "the answer \(defect.constraint) (at byte \(defect.offset))"
        return .refused(.transient, answer)
    }

    /// What is wrong with a success: nil when nothing is. One that can't be read, or that says it is an error, may have had its effect; one
    /// that is not ours had none.
    private func check(
        _ text: String, _ headers: HTTPHeaders, _ operation: Operation, _ route: Route, _ answer: inout Answer
    ) -> Outcome? {
        if requiresTraceEcho, !Self.isTrace(headers.first(name: "trace-id"), of: operation) { return Self.traceless }
        guard !text.isEmpty, envelope == .standard || isJSON(headers) else { return nil }
        do throws(JSONScanner.Defect) { return try check(try JSONValue(parsing: text), operation, route, &answer) } catch {
            return Self.unparsable(error, &answer)
        }
    }

    private func check(
        _ json: JSONValue, _ operation: Operation, _ route: Route, _ answer: inout Answer
    ) throws(JSONScanner.Defect) -> Outcome? {
        guard envelope == .standard else {
            answer.data = Self.told(json, operation, route)
            return nil
        }
        guard json.members != nil else { throw JSONScanner.Defect(constraint: "must be a JSON object", offset: 0) }
        guard json["meta"] != nil || json["data"] != nil else {
            return .unanswered(.foreign, detail: "JSON that is no envelope of our server's")
        }
        if let trace = json["meta"]?["trace_id"]?.string, !Self.isTrace(trace, of: operation) {
            return .unanswered(.foreign, detail: "the answer to another request")
        }
        let (data, error) = (json["data"] ?? JSONValue.null, json["error"] ?? JSONValue.null)
        if data == JSONValue.null, error != JSONValue.null {
            describe(json.text, &answer)
            return .refused(.transient, answer)
        }
        answer.data = Self.told(data, operation, route)
        return nil
    }

    /// Foreign words as they may be kept and shown: an upstream repeats what it was sent.
    private static func told(_ words: String) -> String { Redactor.standard.redact(json: words) }

    /// An object that says something, under the app's names.
    private static func told(_ data: JSONValue, _ operation: Operation, _ route: Route) -> JSONValue? {
        guard data.members?.isEmpty == false else { return nil }
        return route.keyMapping == .none ? data : WireNames(route.keyMapping, of: operation).restored(data)
    }

    /// Whether a trace id is the operation's: a UUID may be written in either case (RFC 9562 section 4).
    private static func isTrace(_ text: String?, of operation: Operation) -> Bool {
        guard let text else { return false }
        let trace = operation.traceID.description
        return text == trace || text.lowercased() == trace
    }

    /// Why this can't be our server's answer: a captive portal's or proxy's page (spec section 4, last row).
    private func stranger(_ status: Int, _ headers: HTTPHeaders, _ text: String, _ url: String) -> String? {
        if status == 511 { return "511: the network asks for a login" }
        if status == 301 || status == 302 || status == 303, let target = headers.first(name: "location"),
            origin.resolve(target, from: url) == nil
        {
            return "\(status) to another origin"
        }
        guard (200..<300).contains(status), !text.isEmpty else { return nil }
        let type = headers.first(name: "content-type")?.lowercased() ?? ""
        if type.hasPrefix("text/html") || type.hasPrefix("application/xhtml") { return "\(status) with a page where JSON is due" }
        return text.first { !$0.isWhitespace } == "<" ? "\(status) with markup where JSON is due" : nil
    }

    /// A code is a bounded word, for it becomes a label and is stored as it is; whatever else stands there may be anything at all.
    private static func isWord(_ code: String) -> Bool {
        (1...64).contains(code.utf8.count)
            && code.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || "_-.:".utf8.contains(byte)
            }
    }

    private func isJSON(_ headers: HTTPHeaders) -> Bool {
        headers.first(name: "content-type")?.lowercased().contains("json") ?? false
    }

    /// Reads code and message. Returns the body; nil when it is no JSON.
    @discardableResult
    private func describe(_ text: String, _ answer: inout Answer) -> JSONValue? {
        guard !text.isEmpty else { return nil }
        var body: JSONValue?
        do throws(JSONScanner.Defect) {
            let said = try JSONValue(parsing: text)
            body = said
            let error = said["error"]
            answer.code = error?["code"]?.string.flatMap { Self.isWord($0) ? Self.told($0) : nil }
            answer.message = error?["message"]?.string ?? text
        } catch {
            answer.message = text
        }
        // Redacted before it is cut: a secret cut in two looks like none.
        answer.message = answer.message.map { String(Self.told($0).prefix(LastError.maximumMessageLength)) }
        return body
    }
}
