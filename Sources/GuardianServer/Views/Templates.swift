/// Every template by its name.
enum Templates {
    static let all: [String: String] = shared.merging(overview) { a, _ in a }.merging(operations) { a, _ in a }
        .merging(operation) { a, _ in a }.merging(causes) { a, _ in a }.merging(journals) { a, _ in a }.merging(actions) { a, _ in a }
}
