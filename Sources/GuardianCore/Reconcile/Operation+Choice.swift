/// What a person chooses for an operation that failed as a conflict.
public enum ConflictChoice: Sendable, Equatable {
    /// The operation as it is, over what the server has.
    case local
    /// The server's state stands.
    case server
    /// Another payload than either: a JSON object as text.
    case payload(String)
}

extension Operation {
    /// What `choice` makes of an operation that failed as a conflict; nil lets the server's state stand. What is sent again names the ETag
    /// of the state that was looked at, so that nothing newer is written over unseen, and has that state's values in the system fields that
    /// it carries, so that a version in it is not refused once more.
    package func revision(for choice: ConflictChoice, newKey: UniqueID) -> Settlement.Revision? {
        let payload: String?
        switch choice {
        case .server: return nil
        case .local: payload = self.payload
        case .payload(let text): payload = text
        }
        let isThere = server.map { !$0.isGone } ?? false
        return Settlement.Revision(
            payload: refreshed(payload),
            type: type == "create" && isThere ? "update" : type == "update" && server?.isGone == true ? "create" : type,
            base: server?.state, ifMatch: server?.etag, newKey: newKey)
    }

    /// The payload with the server's values in its system fields; as it was given where there are none to take.
    private func refreshed(_ payload: String?) -> String? {
        guard let payload, let state = server?.state else { return payload }
        do throws(JSONScanner.Defect) {
            let given = try JSONValue(parsing: payload)
            let fresh = SystemFields.standard.refreshed(given, from: try JSONValue(parsing: state))
            return fresh == given ? payload : fresh.text
        } catch {
            return payload
        }
    }
}
