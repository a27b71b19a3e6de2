import Foundation

/// Other embedded queues at the same durability, each on what it can: `scripts/peers.py` runs them.
struct PeerBenches {
    let options: BenchOptions

    /// What can be measured here.
    private struct Found: Decodable {
        /// By the name of a queue.
        var axes: [String: [String]]
        /// Why others can't.
        var missing: [String: String]

        func able(_ axis: String) -> [String] { axes.filter { $0.value.contains(axis) }.keys.sorted() }
    }

    private static var script: String { ProcessInfo.processInfo.environment["PEERS"] ?? "scripts/peers.py" }

    func run(_ table: inout Table) async throws {
        guard options.runs("peers") else { return }
        let found = try JSONDecoder().decode(Found.self, from: Baseline.output(Self.script, ["install"]))
        for (name, reason) in found.missing.sorted(by: { $0.key < $1.key }) {
            table.leaveOut("\(name): \(reason)", wasNamed: options.isNamed("peers"))
        }
        let (few, many) = (500 * options.scale, 5000 * options.scale)
        try await compare("one caller", "single", few, found, &table) { try await StoreBenches.singleRate(1000 * options.scale) }
        try await compare("16 callers", "concurrent", few, found, &table) { try await StoreBenches.groupRate(many, callers: 16) }
        try await compare("batch of 10 000", "batch", 10_000, found, &table) { try await StoreBenches.batchRate(10_000) }
        // They take and acknowledge, and send nothing: what the engine adds to that is measured elsewhere. Ours takes as many at once as
        // theirs can.
        try await compare("claim and settle one by one", "drain", few, found, &table) {
            try await StoreBenches.exchangeRate(few, batch: 1)
        }
        try await compare("claim and settle in batches of 500", "drain-batch", many, found, &table) {
            try await StoreBenches.exchangeRate(many, batch: 500)
        }
    }

    private func compare(
        _ label: String, _ axis: String, _ count: Int, _ found: Found, _ table: inout Table, ours: () async throws -> Double
    ) async throws {
        let others = found.able(axis)
        guard !others.isEmpty else { return }
        try await table.compare(label, with: others, .init(required: 1), ours: ours) {
            try Self.rate(of: $0, axis, count)
        }
    }

    private static func rate(of name: String, _ axis: String, _ count: Int) throws -> Double {
        let scratch = try Scratch()
        defer { scratch.remove() }
        return try Baseline.perSecond(try Baseline.output(script, ["rate", name, axis, scratch.path, "\(count)"]))
    }
}
