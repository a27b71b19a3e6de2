import Foundation

/// What a figure's ratio to its baseline is held against: at least so much of a rate, at most so much of a cost.
struct Bounds {
    /// Missed, it ends the run with exit code 1.
    var required: Double
    /// Told, and no more; nil where nothing beyond what is required is aimed at.
    var aim: Double?
    var isCost = false

    func hold(_ ratio: Double, _ bound: Double) -> Bool { isCost ? ratio <= bound : ratio >= bound }
}

/// Measures figures beside their baselines, keeps every round, and prints medians as they come.
struct Table {
    struct Row: Encodable {
        var name: String
        /// One for each round.
        var ours: [Double]
        var baseline: [Double]
        var oursMedian: Double
        var baselineMedian: Double
        var ratio: Double
        var isCost: Bool
        var required: Double
        var holds: Bool
        var aim: Double?
        var meetsAim: Bool?

        init(_ name: String, ours: [Double], baseline: [Double], _ bounds: Bounds) {
            self.name = name
            self.ours = ours
            self.baseline = baseline
            oursMedian = Table.median(ours)
            baselineMedian = Table.median(baseline)
            let ratio = oursMedian / baselineMedian
            self.ratio = ratio
            isCost = bounds.isCost
            required = bounds.required
            holds = bounds.hold(ratio, bounds.required)
            aim = bounds.aim
            meetsAim = bounds.aim.map { bounds.hold(ratio, $0) }
        }
    }

    /// Of each figure; what is told is their median. `BENCH_ROUNDS` asks for more or fewer.
    static let rounds = max(1, ProcessInfo.processInfo.environment["BENCH_ROUNDS"].flatMap { Int($0) } ?? 5)

    private(set) var rows: [Row] = []
    /// What could not be measured here, and why.
    private(set) var missing: [String] = []
    /// Whether something of that was asked for by its name.
    private var lacksNamed = false

    /// Nothing measured is nothing shown, and holds no more than a figure that misses.
    var holds: Bool { !rows.isEmpty && !lacksNamed && rows.allSatisfy(\.holds) }

    /// Runs `baseline` and `ours` by turns; both return a figure, which is a rate or a cost.
    mutating func measure(
        _ name: String, _ bounds: Bounds, ours: () async throws -> Double, baseline: () async throws -> Double
    ) async throws {
        var a: [Double] = []
        var b: [Double] = []
        for _ in 0..<Self.rounds {
            b.append(try await baseline())
            a.append(try await ours())
        }
        add(Row(name, ours: a, baseline: b, bounds))
    }

    /// Runs `ours` and each of `others` by turns; a row for each of those.
    mutating func compare(
        _ name: String, with others: [String], _ bounds: Bounds, ours: () async throws -> Double, theirs: (String) async throws -> Double
    ) async throws {
        var a: [Double] = []
        var b: [String: [Double]] = [:]
        for _ in 0..<Self.rounds {
            a.append(try await ours())
            for other in others { b[other, default: []].append(try await theirs(other)) }
        }
        for other in others { add(Row("\(name), beside \(other), 1/s", ours: a, baseline: b[other] ?? [], bounds)) }
    }

    /// Says in the end that something was not measured. Where it was asked for by its name, the run does not hold.
    mutating func leaveOut(_ words: String, wasNamed: Bool) {
        missing.append(words)
        lacksNamed = lacksNamed || wasNamed
    }

    private mutating func add(_ row: Row) {
        rows.append(row)
        Self.print(row)
    }

    static func median(_ values: [Double]) -> Double { values.isEmpty ? .nan : values.sorted()[values.count / 2] }

    /// What was measured, with every round.
    func json(_ options: BenchOptions) throws -> Data {
        struct Written: Encodable {
            var at: Date
            var cores: Int
            var isQuick: Bool
            var isHuge: Bool
            var rounds: Int
            var figures: [Row]
            var missing: [String]
        }
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(
            Written(
                at: Date(), cores: ProcessInfo.processInfo.activeProcessorCount, isQuick: options.isQuick, isHuge: options.isHuge,
                rounds: Self.rounds, figures: rows, missing: missing))
    }
}

extension Table {
    static func printHead() {
        print(name: "figure", ["ours", "baseline", "ratio"], required: "required", aim: "aim")
    }

    func printEnd() {
        for words in missing { Swift.print("not measured: \(words)") }
        let missed = rows.filter { !$0.holds }
        let short = rows.filter { $0.meetsAim == false }
        let aims = short.map { "\($0.name): \(Self.text($0.ratio, 2)) of \(Self.text($0.aim ?? .nan, 2))" }
        Swift.print(
            "measured: \(rows.count) figures, medians of \(Self.rounds) rounds; \(missed.count) miss what is required; \(short.count) miss "
                + "their aim" + (aims.isEmpty ? "" : " (\(aims.joined(separator: "; ")))")
                + (missing.isEmpty ? "" : "; not measured: \(missing.map { $0.prefix { $0 != ":" } }.joined(separator: ", "))"))
    }

    private static func print(_ row: Row) {
        func verdict(_ bound: Double, _ holds: Bool, _ yes: String, _ no: String) -> String {
            "\(row.isCost ? "≤" : "≥") \(text(bound, 2)) \(holds ? yes : no)"
        }
        print(
            name: row.name, [text(row.oursMedian, 1), text(row.baselineMedian, 1), text(row.ratio, 2)],
            required: verdict(row.required, row.holds, "holds", "DOES NOT HOLD"),
            aim: row.aim.map { verdict($0, row.meetsAim == true, "met", "not met") } ?? "")
    }

    private static func print(name: String, _ figures: [String], required: String, aim: String) {
        let right = zip(figures, [12, 12, 8]).map { pad($0, $1, left: true) }.joined()
        Swift.print(pad(name, 70) + right + "  " + pad(required, 22) + aim)
        fflush(nil)
    }

    private static func text(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    private static func pad(_ text: String, _ width: Int, left: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return left ? space + text : text + space
    }
}
