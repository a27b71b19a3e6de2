/// What `strace -f -y` saw of a server: says of an acknowledged request whether it was on disk before its answer went out.
///
/// The tracer writes a line when a call begins and goes on with it when the call ends. When a call of another thread comes between, the
/// line stops with `<unfinished ...>`, and the end follows later as `<... name resumed>`.
struct CommitTrace {
    enum Verdict: Equatable {
        /// Written to the WAL and synced, and only then answered.
        case durable
        case notAsked, notAnswered
        /// The answer went out before the WAL had it.
        case notWritten
        /// Written, but never synced.
        case notSynced
        /// Synced, but the answer did not wait for it.
        case syncedLate
    }

    /// The calls that a trace must have.
    static let watched = "read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,fdatasync,fsync"

    private static let reads: Set<String> = ["read", "readv", "recvfrom", "recvmsg"]
    private static let writes: Set<String> = ["write", "writev", "sendto", "sendmsg"]
    private static let syncs: Set<String> = ["fdatasync", "fsync"]

    struct Call: Equatable {
        var name: String
        /// All of it, from the name to the result.
        var text: String
        /// The numbers of the lines of its beginning and its end.
        var begun: Int
        var ended: Int

        var isOnWAL: Bool { text.contains("-wal>") }
        var succeeded: Bool { !text.contains(" = -1 ") && ended != .max }
    }

    /// In the order in which they began.
    let calls: [Call]

    init(_ trace: String) {
        var done: [Call] = []
        var open: [Substring: Call] = [:]
        for (number, line) in trace.split(separator: "\n").enumerated() {
            let thread = line.prefix { $0.isNumber }
            let text = line.dropFirst(thread.count).drop { $0 == " " }
            if text.hasPrefix("<... "), var call = open.removeValue(forKey: thread) {
                call.text += text
                call.ended = number
                done.append(call)
            } else if let name = Self.name(of: text) {
                let isOpen = text.hasSuffix("<unfinished ...>")
                let call = Call(name: name, text: String(text), begun: number, ended: isOpen ? .max : number)
                if isOpen { open[thread] = call } else { done.append(call) }
            }
        }
        calls = (done + open.values).sorted { $0.begun < $1.begun }
    }

    /// The name before the first parenthesis; nil for a signal or the end of a thread.
    private static func name(of text: Substring) -> String? {
        guard let end = text.firstIndex(of: "("), end > text.startIndex else { return nil }
        let name = text[..<end]
        return name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" } ? String(name) : nil
    }

    /// About the request whose body holds `mark`, a word that no other request has. Requests must have come one after the other.
    func verdict(on mark: String) -> Verdict {
        guard let request = calls.first(where: { Self.reads.contains($0.name) && $0.text.contains(mark) }) else { return .notAsked }
        let after = calls.filter { $0.begun > request.ended }
        guard let answer = after.first(where: { Self.writes.contains($0.name) && $0.text.contains("HTTP/1.1 202") }) else {
            return .notAnswered
        }
        guard
            let written = after.first(where: {
                $0.name == "pwrite64" && $0.isOnWAL && $0.succeeded && $0.text.contains(mark) && $0.ended < answer.begun
            })
        else { return .notWritten }
        let synced = after.filter { Self.syncs.contains($0.name) && $0.isOnWAL && $0.succeeded && $0.begun > written.ended }
        if synced.contains(where: { $0.ended < answer.begun }) { return .durable }
        return synced.isEmpty ? .notSynced : .syncedLate
    }
}
