public import GuardianCore

extension LoadReport {
    /// For programs, and to be the baseline of later runs; rounded to three decimals.
    public var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("version", JSONValue(Self.version)), .init("started_at", .string(startedAt.rfc3339)),
            .init("seed", .number("\(seed)")), .init("passed", .bool(passed)),
            .init("options", .object(options.map { .init($0.name, .string($0.value)) })),
            .init("suites", .array(suites.map(\.json))),
        ]
        if let comparison { members.append(.init("comparison", comparison.json)) }
        return .object(members)
    }
}

extension SuiteResult {
    var json: JSONValue {
        [
            "name": .string(name), "title": .string(title), "passed": .bool(passed), "seconds": .decimal(seconds),
            "checks": .array(checks.map { ["name": .string($0.name), "holds": .bool($0.holds), "detail": .string($0.detail)] }),
            "figures": .array(
                figures.map {
                    [
                        "name": .string($0.name), "value": .decimal($0.value), "unit": .string($0.unit),
                        "better": .string($0.better.rawValue),
                    ]
                }),
            "latencies": .array(
                latencies.map {
                    [
                        "name": .string($0.name), "buckets": .points($0.buckets), "percentiles": .points($0.curve),
                        "corrected": .points($0.corrected),
                    ]
                }),
            "series": .array(series.map { ["name": .string($0.name), "unit": .string($0.unit), "points": .points($0.points)] }),
            "breaker": .array(breaker.map { ["seconds": .decimal($0.seconds), "state": .string($0.state)] }),
        ]
    }
}

extension JSONValue {
    /// A number with three decimals, which is more than any measure here is worth.
    static func decimal(_ value: Double) -> JSONValue {
        guard value.isFinite else { return .null }
        let thousandths = (value * 1000).rounded()
        guard abs(thousandths) < 9e15 else { return .number("\(value)") }
        let whole = Int64(thousandths)
        let (head, tail) = (whole.magnitude / 1000, whole.magnitude % 1000)
        let sign = whole < 0 ? "-" : ""
        if tail == 0 { return .number("\(sign)\(head)") }
        var digits = "\(1000 + tail)".dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return .number("\(sign)\(head).\(digits)")
    }

    static func points(_ points: [SuiteResult.Point]) -> JSONValue { .array(points.map { [.decimal($0.x), .decimal($0.y)] }) }

    /// A number as a floating-point value.
    var double: Double? {
        if case .number(let text) = self { return Double(text) }
        return nil
    }
}
