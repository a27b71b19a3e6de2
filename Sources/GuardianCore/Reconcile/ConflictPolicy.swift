/// Who settles a conflict, chosen per route.
public enum ConflictPolicy: Sendable {
    /// The server's state stands; the local change is dropped.
    case serverWins
    /// The local change is sent again over the server's state.
    case clientWins
    /// Both, field by field.
    case merge(ThreeWayMerge)
    /// A person.
    case manual
    /// The app's own function. It is asked whenever there is anything to decide, also about an update of what is gone, but no
    /// ``Resolution/send(_:)`` of its goes beyond ``Conflict/mostRounds``.
    case custom(@Sendable (Conflict) -> Resolution)

    /// Of a route that says nothing: a person decides, for every other choice may drop what somebody wrote.
    public static let standard = ConflictPolicy.manual

    /// The names that configuration may use.
    package static let names = ["server_wins", "client_wins", "merge", "manual"]

    /// By its name in configuration; `merge` is the given one. A function comes from code only.
    package init?(name: String, merge: ThreeWayMerge = ThreeWayMerge()) {
        switch name {
        case "server_wins": self = .serverWins
        case "client_wins": self = .clientWins
        case "merge": self = .merge(merge)
        case "manual": self = .manual
        default: return nil
        }
    }

    /// `server_wins`, `client_wins`, `merge`, `manual` or `custom`: a bounded label.
    package var name: String {
        switch self {
        case .serverWins: "server_wins"
        case .clientWins: "client_wins"
        case .merge: "merge"
        case .manual: "manual"
        case .custom: "custom"
        }
    }
}
