import GuardianCore
import GuardianPrivacy
import NIOHTTP1

/// Reads of an answer that refuses what ``ErrorDetails`` has a place for: from `error.details` of the envelope, from the shapes in which
/// other APIs say the same (RFC 9457 and RFC 7807 problems, JSON:API, maps of fields), and from header fields.
///
/// Nothing of it is trusted. What has another type or makes no sense is as if it had not been said, lists are read to a bound, names and
/// words are redacted, and a version or an ETag that would have to be is left out.
struct DetailsReader {
    /// Members of an object, and elements of a list, that are looked at.
    private static let mostLookedAt = 64

    let headers: HTTPHeaders
    /// The body; nil when it is no JSON.
    let body: JSONValue?
    /// Turns the names of an answer back into the app's; nil where both are the same, or where the status names no fields
    /// (``namesFields(_:)``).
    let names: WireNames?
    /// Whether requests have the payload as a member of their body.
    let isEnveloped: Bool

    /// Whether an answer of this status may name fields of the payload.
    static func namesFields(_ status: Int) -> Bool {
        switch status {
        case 401, 403, 404, 408, 409, 410, 412, 425, 426, 429, 451: false
        default: (400..<500).contains(status)
        }
    }

    /// What an answer of this status says; nil when it is nothing.
    func details(status: Int, now: Timestamp) -> ErrorDetails? {
        let details: ErrorDetails
        switch status {
        case 409: details = conflict
        case 412:
            let etag = headers.first(name: "etag") ?? findWord(["currentetag", "serveretag"], loosely: ["etag"])
            details = ErrorDetails(foundETag: etag.flatMap { Self.whole($0) })
        case 426: details = ErrorDetails(minimumVersion: minimumVersion)
        case 429: details = rateLimit(now)
        case _ where Self.namesFields(status): details = ErrorDetails(fields: wrongFields)
        default: return nil
        }
        return details.isEmpty ? nil : details
    }

    private var conflict: ErrorDetails {
        let kind = findWord(["conflictkind", "conflicttype"], loosely: ["kind", "reason", "conflict"])
        let server =
            version(inside: ["server", "current"])
            ?? findWord(["serverversion", "currentversion", "actualversion"], loosely: ["version"])
        let client = version(inside: ["client"]) ?? findWord(["clientversion", "expectedversion", "sentversion"])
        return ErrorDetails(
            conflict: kind.flatMap { DeliveryError.ConflictKind(word: $0) }, serverVersion: server.flatMap { Self.whole($0) },
            clientVersion: client.flatMap { Self.whole($0) })
    }

    private func version(inside names: [String]) -> String? {
        guard let side = find(names), let version = side["version"] else { return nil }
        return Self.word(version)
    }

    private func rateLimit(_ now: Timestamp) -> ErrorDetails {
        let said = RateLimitFields(headers, now: now)
        let limit = said.limit ?? find([], loosely: ["limit"])?.integer
        var resetAt = said.resetAt
        if resetAt == nil {
            switch find(["resetat"], loosely: ["reset"]) {
            case .number(let text): resetAt = Int64(text).flatMap { RateLimitFields.moment($0, now: now) }
            case .string(let text): resetAt = Timestamp(rfc3339: text).flatMap { $0 < now ? nil : $0 }
            default: break
            }
        }
        return ErrorDetails(limit: limit, resetAt: resetAt)
    }

    // MARK: Versions

    private static let minimumNames = [
        "minimumversion", "minversion", "minimumappversion", "minappversion", "minimumclientversion", "minclientversion", "requiredversion",
    ]
    private static let minimumFields = ["x-min-app-version", "x-minimum-app-version", "x-min-version", "x-minimum-version"]
    /// Protocols that `Upgrade` may name beside an app.
    private static let protocols: Set<String> = ["http", "https", "h2", "h2c", "h3", "tls", "websocket", "irc"]

    private var minimumVersion: String? {
        if let said = findWord(Self.minimumNames, loosely: ["minimum", "required"]), let version = Self.version(said) { return version }
        for name in Self.minimumFields {
            if let said = headers.first(name: name), let version = Self.version(said) { return version }
        }
        // `Upgrade: health-app/2.4`; a 426 must have that field (RFC 9110 section 15.5.22).
        for product in (headers.first(name: "upgrade") ?? "").split(separator: ",").prefix(8) {
            let parts = product.drop { $0 == " " }.split(separator: "/")
            guard parts.count == 2, !Self.protocols.contains(parts[0].lowercased()) else { continue }
            if let version = Self.version(String(parts[1].prefix { $0 != " " })) { return version }
        }
        return nil
    }

    /// What may be the version of an app: it holds a digit, and nothing but letters, digits and `.+-_`.
    private static func version(_ text: String) -> String? {
        guard (1...64).contains(text.utf8.count), text.utf8.contains(where: { isDigit($0) }) else { return nil }
        let isVersion = text.utf8.allSatisfy { isDigit($0) || isLetter($0) || ".+-_".utf8.contains($0) }
        return isVersion ? whole(text) : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte) || (97...122).contains(byte) }

    // MARK: Fields

    /// Members that list what is wrong, in the shapes of several APIs.
    private static let lists = [
        "errors", "fields", "fielderrors", "fieldviolations", "violations", "invalidparams", "validationerrors", "issues",
    ]
    /// Members of one such element that name the field, and that say what it must be.
    private static let fieldNames = [
        "field", "fieldname", "pointer", "property", "propertypath", "path", "param", "parameter", "loc", "attribute", "name",
    ]
    private static let constraintNames = [
        "constraint", "message", "detail", "defaultmessage", "reason", "description", "msg", "title", "rule", "code",
    ]

    private var wrongFields: [ErrorDetails.Field] {
        for place in detailed + general {
            let found = fields(in: place, depth: 0)
            if !found.isEmpty { return found }
        }
        return []
    }

    private func fields(in place: JSONValue, depth: Int) -> [ErrorDetails.Field] {
        if let elements = place.elements { return fields(listed: elements, depth: depth) }
        for name in Self.lists {
            guard let list = Self.member([name], of: place) else { continue }
            var found = fields(mapped: list)
            if let elements = list.elements { found = fields(listed: elements, depth: depth) }
            if !found.isEmpty { return found }
        }
        // Some call the list itself `detail`, where others have a sentence.
        if let elements = Self.member(["detail"], of: place)?.elements {
            let found = fields(listed: elements, depth: depth)
            if !found.isEmpty { return found }
        }
        guard let name = Self.member(["field", "fieldname"], of: place),
            let wrong = field(name, Self.member(Self.constraintNames, of: place))
        else { return [] }
        return [wrong]
    }

    private func fields(listed elements: [JSONValue], depth: Int) -> [ErrorDetails.Field] {
        var found: [ErrorDetails.Field] = []
        for element in elements.prefix(Self.mostLookedAt) where found.count < ErrorDetails.mostFields {
            let source = Self.member(["source"], of: element)
            let name = source.flatMap { Self.member(["pointer", "parameter"], of: $0) } ?? Self.member(Self.fieldNames, of: element)
            if let name, let wrong = field(name, Self.member(Self.constraintNames, of: element)) {
                found.append(wrong)
            } else if depth < 1 {
                found += fields(in: element, depth: depth + 1)
            }
        }
        return found
    }

    /// `{"name":["is too long"]}`, `{"name":"is too long"}` or `{"name":{"message":"is too long"}}`.
    private func fields(mapped object: JSONValue) -> [ErrorDetails.Field] {
        (object.members ?? []).prefix(Self.mostLookedAt).compactMap { member -> ErrorDetails.Field? in
            let said = member.value.elements?.first ?? member.value
            guard let words = said.string ?? Self.member(Self.constraintNames, of: said)?.string else { return nil }
            return field(.string(member.name), .string(words))
        }
    }

    private func field(_ name: JSONValue, _ constraint: JSONValue?) -> ErrorDetails.Field? {
        guard var path = Self.path(name) else { return nil }
        if path.count > 1, path[0] == "body" { path.removeFirst() }
        if isEnveloped, path.count > 1, path[0] == "payload" { path.removeFirst() }
        if let names { path = names.restored(path: path) }
        return ErrorDetails.Field(Self.told(path.joined(separator: ".")), constraint?.string.map { Self.told($0) })
    }

    /// The levels of a field's name: `a.b`, `#/a/b`, `/a/b`, `$.a.b`, or `["a","b"]`. nil for what is no name.
    private static func path(_ name: JSONValue) -> [String]? {
        let path: [String]
        switch name {
        case .array(let elements): path = elements.prefix(mostLookedAt).compactMap { word($0) }.filter { !$0.isEmpty }
        case .string(var text):
            text = String(text.unicodeScalars.prefix(2 * ErrorDetails.longestName))
            if text.hasPrefix("$.") { text.removeFirst(2) }
            if text.hasPrefix("#/") { text.removeFirst() }
            if text.hasPrefix("/") {
                // A JSON pointer (RFC 6901).
                path = text.split(separator: "/").map { String($0).replacing("~1", with: "/").replacing("~0", with: "~") }
            } else {
                path = text.split(separator: ".").map { String($0) }
            }
        default: return nil
        }
        return path.isEmpty ? nil : path
    }

    // MARK: Looking

    /// Where an API says details: the envelope's, and those of a problem without an envelope.
    private var detailed: [JSONValue] { [body?["error"]?["details"], body?["details"]].compactMap(\.self) }

    /// What surrounds them. There a short name may mean anything (`path`, `version`).
    private var general: [JSONValue] { [body?["error"], body].compactMap(\.self) }

    /// The first member of one of these names; those that are looked for `loosely` count among details only.
    private func find(_ names: [String], loosely: [String] = []) -> JSONValue? {
        for place in detailed {
            if let found = Self.member(names + loosely, of: place) { return found }
        }
        for place in general {
            if let found = Self.member(names, of: place) { return found }
        }
        return nil
    }

    private func findWord(_ names: [String], loosely: [String] = []) -> String? {
        guard let found = find(names, loosely: loosely) else { return nil }
        return Self.word(found)
    }

    /// The member of the first of these names that an object has, whatever its spelling: `min_version`, `minVersion` and `Min-Version` are
    /// `minversion`.
    private static func member(_ names: [String], of object: JSONValue) -> JSONValue? {
        var found: (rank: Int, value: JSONValue)?
        for member in (object.members ?? []).prefix(mostLookedAt) {
            guard let rank = names.firstIndex(of: plain(member.name)), rank < (found?.rank ?? Int.max) else { continue }
            found = (rank, member.value)
        }
        return found?.value
    }

    private static func plain(_ name: String) -> String {
        let letters = name.utf8.prefix(40).filter { isLetter($0) || isDigit($0) }
        return String(decoding: letters.map { $0 < 97 && isLetter($0) ? $0 + 32 : $0 }, as: UTF8.self)
    }

    /// A text or a number, as it was written.
    private static func word(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text), .number(let text): text
        default: nil
        }
    }

    /// A version or an ETag, which is of use only as it is: printable, without anything that would have to be redacted.
    private static func whole(_ word: String) -> String? {
        guard word.utf8.count <= ErrorDetails.longestWord, word.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else { return nil }
        return told(word) == word ? word : nil
    }

    /// Foreign words as they may be kept and shown.
    private static func told(_ words: String) -> String { Redactor.standard.redact(words) }
}
