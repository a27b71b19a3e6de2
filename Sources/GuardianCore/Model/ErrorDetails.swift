/// What is known of a trouble beside its code and its message, as far as ``DeliveryError`` has a place for it.
///
/// Most of it was said by others, so whatever it is made from, it stays small: texts are cut, lists end, and what can't be meant is left
/// out. A class, because it goes along with an error through events, operations and settlements.
public final class ErrorDetails: Sendable, Equatable {
    /// What is wrong with one field.
    public struct Field: Sendable, Equatable {
        /// Under the app's own name, with dots between levels: `address.city`, `beds.0.name`. Cut at ``ErrorDetails/longestName``.
        public let name: String
        /// What it must be, in the words of who refuses it; nil when those say nothing of it. Cut at ``ErrorDetails/longestConstraint``.
        public let constraint: String?

        /// Cuts what is too long.
        public init(_ name: String, _ constraint: String? = nil) {
            self.name = ErrorDetails.cut(name, ErrorDetails.longestName)
            self.constraint = constraint.map { ErrorDetails.cut($0, ErrorDetails.longestConstraint) }
        }
    }

    /// Fields that are kept; further ones are left out.
    public static let mostFields = 8
    /// Characters (Unicode scalars) of a field's name.
    public static let longestName = 100
    /// Characters (Unicode scalars) of what a field must be.
    public static let longestConstraint = 200
    /// Bytes of a version or an ETag. A longer one is left out, for a part of it is another one.
    public static let longestWord = 256

    /// What is wrong with the payload, the first ``mostFields`` of it.
    public let fields: [Field]
    /// The oldest version of the app that the upstream takes requests from.
    public let minimumVersion: String?
    /// How many requests the upstream takes in one of its windows.
    public let limit: Int64?
    /// When the next of those windows begins.
    public let resetAt: Timestamp?
    /// What stood against the write, where that was said.
    public let conflict: DeliveryError.ConflictKind?
    /// The version that was found.
    public let serverVersion: String?
    /// The version that the write was made on.
    public let clientVersion: String?
    /// What went out as `If-Match`.
    public let sentETag: String?
    /// The ETag of what was found.
    public let foundETag: String?
    /// Of the operation that has met it, where the error is also told without it (``OptimisticEnding``).
    public let traceID: UniqueID?

    /// `limit` below zero is left out, and so is a time that RFC 3339 can't write.
    public init(
        fields: [Field] = [], minimumVersion: String? = nil, limit: Int64? = nil, resetAt: Timestamp? = nil,
        conflict: DeliveryError.ConflictKind? = nil, serverVersion: String? = nil, clientVersion: String? = nil, sentETag: String? = nil,
        foundETag: String? = nil, traceID: UniqueID? = nil
    ) {
        self.fields = Array(fields.prefix(Self.mostFields))
        self.minimumVersion = Self.whole(minimumVersion)
        self.limit = limit.flatMap { $0 < 0 ? nil : $0 }
        self.resetAt = resetAt.flatMap { Timestamp.writable.contains($0) ? $0 : nil }
        self.conflict = conflict
        self.serverVersion = Self.whole(serverVersion)
        self.clientVersion = Self.whole(clientVersion)
        self.sentETag = Self.whole(sentETag)
        self.foundETag = Self.whole(foundETag)
        self.traceID = traceID
    }

    public static func == (one: ErrorDetails, other: ErrorDetails) -> Bool {
        one === other
            || one.fields == other.fields && one.minimumVersion == other.minimumVersion && one.limit == other.limit
                && one.resetAt == other.resetAt && one.conflict == other.conflict && one.serverVersion == other.serverVersion
                && one.clientVersion == other.clientVersion && one.sentETag == other.sentETag && one.foundETag == other.foundETag
                && one.traceID == other.traceID
    }

    /// Whether nothing is known.
    package var isEmpty: Bool { self == ErrorDetails() }

    private static func cut(_ text: String, _ most: Int) -> String { String(text.unicodeScalars.prefix(most)) }

    private static func whole(_ word: String?) -> String? {
        guard let word, (1...longestWord).contains(word.utf8.count) else { return nil }
        return word
    }
}

// MARK: At rest

extension ErrorDetails {
    /// One line of JSON, under names of one letter: a search for a word in messages does not find them.
    var stored: String {
        var members: [JSONValue.Member] = []
        func put(_ name: String, _ text: String?) {
            if let text { members.append(JSONValue.Member(name, .string(text))) }
        }
        func putNumber(_ name: String, _ number: Int64?) {
            if let number { members.append(JSONValue.Member(name, JSONValue(number))) }
        }
        let pairs = fields.map { field -> JSONValue in
            let name = JSONValue.string(field.name)
            guard let constraint = field.constraint else { return .array([name]) }
            return .array([name, .string(constraint)])
        }
        if !pairs.isEmpty { members.append(JSONValue.Member("f", .array(pairs))) }
        put("m", minimumVersion)
        putNumber("l", limit)
        putNumber("r", resetAt?.milliseconds)
        put("k", conflict?.rawValue)
        put("s", serverVersion)
        put("c", clientVersion)
        put("o", sentETag)
        put("e", foundETag)
        put("t", traceID?.description)
        return JSONValue.object(members).text
    }

    /// What ``stored`` says; nil for another text.
    static func reading(_ stored: String) -> ErrorDetails? {
        guard let json = JSONValue.reading(stored), json.members != nil else { return nil }
        let fields = (json["f"]?.elements ?? []).compactMap { pair -> Field? in
            guard let parts = pair.elements, let name = parts.first?.string else { return nil }
            return Field(name, parts.count > 1 ? parts[1].string : nil)
        }
        let details = ErrorDetails(
            fields: fields, minimumVersion: json["m"]?.string, limit: json["l"]?.integer,
            resetAt: json["r"]?.integer.map { Timestamp(milliseconds: $0) },
            conflict: json["k"]?.string.flatMap { DeliveryError.ConflictKind(rawValue: $0) }, serverVersion: json["s"]?.string,
            clientVersion: json["c"]?.string, sentETag: json["o"]?.string, foundETag: json["e"]?.string,
            traceID: json["t"]?.string.flatMap { UniqueID($0) })
        return details.isEmpty ? nil : details
    }
}
