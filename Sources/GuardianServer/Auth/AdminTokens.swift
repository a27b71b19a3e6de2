import Crypto

/// Who may log in to the console: tokens, each with its role. Only digests are kept.
///
/// Read from a file of lines `role token [name]`; `#` begins a comment. The name is what the audit log says; without one it is the role
/// and the place in the file, such as `admin-1`.
public struct AdminTokens: Sendable {
    /// Bytes of UTF-8 that a token has at least: as many characters, where they are ASCII.
    public static let shortest = 16

    /// What is wrong with a file of tokens, and in which line.
    public struct Defect: Error, Sendable, Equatable, CustomStringConvertible {
        /// From 1; 0 for the file as a whole.
        public var line: Int
        /// Without the token, so that it may be shown.
        public var message: String
        public var description: String { line == 0 ? message : "line \(line): \(message)" }
    }

    /// Whom a token belongs to.
    struct Holder: Sendable, Equatable {
        var name: String
        var role: AdminRole
    }

    private var holders: [(digest: [UInt8], holder: Holder)] = []

    /// One token, for a console that lives as long as its process.
    public init(token: String, role: AdminRole, name: String) {
        holders = [(Self.digest(token), Holder(name: name, role: role))]
    }

    /// Reads the content of a token file.
    public init(file content: String) throws(Defect) {
        for (index, line) in content.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
            guard !words.isEmpty else { continue }
            guard let role = AdminRole(rawValue: words[0]) else {
                throw Defect(line: index + 1, message: "must begin with viewer, operator or admin")
            }
            guard words.count == 2 || words.count == 3 else {
                throw Defect(line: index + 1, message: "must be `role token` or `role token name`")
            }
            guard words[1].utf8.count >= Self.shortest else {
                throw Defect(line: index + 1, message: "the token must have \(Self.shortest) characters at least")
            }
            let digest = Self.digest(words[1])
            guard !holders.contains(where: { $0.digest == digest }) else {
                throw Defect(line: index + 1, message: "the token stands in an earlier line")
            }
            let name = words.count == 3 ? words[2] : "\(role.rawValue)-\(holders.count + 1)"
            holders.append((digest, Holder(name: String(name.prefix(64)), role: role)))
        }
        guard !holders.isEmpty else { throw Defect(line: 0, message: "holds no token; write lines such as `admin TOKEN`") }
    }

    /// Whom `token` belongs to. Compares with every one, and takes as long for a near miss as for a far one.
    func holder(of token: String) -> Holder? {
        let digest = Self.digest(token)
        var found: Holder?
        for (known, holder) in holders {
            var difference: UInt8 = 0
            for (a, b) in zip(known, digest) { difference |= a ^ b }
            if difference == 0 { found = holder }
        }
        return found
    }

    static func digest(_ text: String) -> [UInt8] { Array(SHA256.hash(data: Array(text.utf8))) }
}
