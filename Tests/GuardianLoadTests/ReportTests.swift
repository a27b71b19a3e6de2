import GuardianCore
import GuardianLoad
import Testing

@Suite struct ReportTests {
    /// A report with everything in it.
    static func report(p95: Double = 60, rate: Double = 1000, holds: Bool = true) -> LoadReport {
        var suite = SuiteResult(name: "latency", title: "Processing <latency>")
        suite.checks = [.init(name: "p95 below 5000 ms", holds: holds, detail: "60 ms & less")]
        suite.figures = [
            .init(name: "processing p95", value: p95, unit: "ms", better: .lower),
            .init(name: "throughput", value: rate, unit: "operations/s", better: .higher),
        ]
        var recorder = LatencyRecorder(expectedMicroseconds: 50_000)
        for value in 1...500 { recorder.record(microseconds: Int64(50_000 + value * value)) }
        suite.latencies = [.init("processing", recorder)]
        suite.series = [.init(name: "throughput", unit: "operations/s", points: (0..<60).map { .init(Double($0), Double(100 + $0 % 7)) })]
        suite.breaker = [.init(seconds: 10, state: "opened"), .init(seconds: 20, state: "probing"), .init(seconds: 21, state: "closed")]
        return LoadReport(startedAt: Timestamp(milliseconds: 1_800_000_000_000), seed: 7, options: [("workers", "8")], suites: [suite])
    }

    @Test("the JSON form can be read back as a baseline, and what is worse by more than the tolerance fails")
    func compares() throws {
        let before = try JSONValue(parsing: Self.report().json.text)
        var same = Self.report(p95: 62, rate: 990)
        same.comparison = try Comparison(same, with: before)
        #expect(same.comparison?.rows.count == 2 && same.passed)
        var worse = Self.report(p95: 95, rate: 500)
        worse.comparison = try Comparison(worse, with: before)
        #expect(worse.comparison?.regressions.map(\.figure.name) == ["processing p95", "throughput"])
        #expect(!worse.passed && worse.text.contains("NOT all passed"))
        var tolerant = Self.report(p95: 95, rate: 500)
        tolerant.comparison = try Comparison(tolerant, with: before, tolerance: 1.5)
        #expect(tolerant.passed)
        #expect(throws: Comparison.Mismatch.notAReport) { try Comparison(same, with: ["version": 99]) }
        #expect(throws: Comparison.Mismatch.notAReport) { try Comparison(same, with: ["a": 1]) }
    }

    @Test("a baseline without a single figure of this run is refused, and what else is not alike is said")
    func comparesLikeWithLike() throws {
        let before = try JSONValue(parsing: Self.report().json.text)
        var other = Self.report()
        other.suites[0].name = "enqueue"
        #expect(throws: Comparison.Mismatch.nothingInCommon) { try Comparison(other, with: before) }
        #expect(throws: Comparison.Mismatch.nothingInCommon) { try Comparison.check(before, for: [.enqueue, .memory]) }
        try Comparison.check(before, for: [.enqueue, .latency])

        let same = try Comparison(Self.report(), with: before)
        #expect(same.differences.isEmpty && same.unmatched.isEmpty)
        var more = LoadReport(
            startedAt: Timestamp(milliseconds: 0), seed: 8, options: [("workers", "16"), ("operations", "400"), ("version", "9")],
            suites: Self.report().suites + other.suites)
        more.suites[0].figures[1].name = "rate"
        let comparison = try Comparison(more, with: before)
        #expect(comparison.differences.map(\.option) == ["seed", "workers", "operations"])
        #expect(comparison.differences.map(\.before) == ["7", "8", nil])
        #expect(comparison.unmatched == ["enqueue", "latency: rate", "latency: throughput"])
        more.comparison = comparison
        for words in [
            "! workers: 8 in the baseline, 16 now", "! operations: not said in the baseline", "! only one of both has: enqueue;",
        ] {
            #expect(more.text.contains(words), "\(more.text)")
        }
        #expect(more.html.contains("workers: 8 in the baseline, 16 now") && more.json["comparison"]?["differences"]?.elements?.count == 3)
    }

    @Test("one suite that does not hold makes the whole not hold")
    func fails() {
        #expect(Self.report().passed)
        #expect(!Self.report(holds: false).passed)
        #expect(!LoadReport(startedAt: Timestamp(milliseconds: 0), seed: 1, options: []).passed)
    }

    @Test("the page is one file that loads nothing, has each plot, and escapes what it shows")
    func page() {
        let html = Self.report().html
        #expect(!html.contains("http://") && !html.contains("https://") && !html.contains("<script") && !html.contains("src="))
        for title in ["processing: histogram", "processing: percentiles", "throughput over time", "circuit breaker"] {
            #expect(html.contains("<figcaption>\(title)</figcaption>"), "\(title)")
        }
        #expect(html.contains("Processing &lt;latency&gt;") && html.contains("60 ms &amp; less"))
        #expect(html.contains("prefers-color-scheme:dark"))
        #expect(html.components(of: "<svg") == html.components(of: "</svg>"))
    }

    @Test("numbers are written as JSON numbers, never as NaN or infinity")
    func numbers() throws {
        var report = Self.report()
        report.suites[0].figures.append(.init(name: "odd", value: .infinity, unit: "", better: .neither))
        report.suites[0].figures.append(.init(name: "small", value: -0.0625, unit: "", better: .neither))
        let json = try JSONValue(parsing: report.json.text)
        let figures = json["suites"]?.elements?.first?["figures"]?.elements ?? []
        #expect(figures[2]["value"] == .null)
        #expect(figures[3]["value"] == .number("-0.063") || figures[3]["value"] == .number("-0.062"))
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
