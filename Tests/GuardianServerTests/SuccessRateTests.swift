import GuardianCore
import GuardianServer
import GuardianTelemetry
import GuardianTesting
import Testing

@Suite struct SuccessRateTests {
    private static let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "no")

    /// Tells all sinks the same.
    private func tell(_ sinks: [any EventSink], at now: Timestamp, processed: Int, failed: Int, conflicts: Int = 0, retries: Int = 0) {
        let id = OperationID.text("a")
        let told: [(event: Event, count: Int)] = [
            (.processed(id: id, latencyMs: 3, httpStatus: 200), processed), (.failed(id: id, error: Self.error), failed),
            (.conflict(id: id, error: Self.error), conflicts),
            (.retryScheduled(id: id, due: now, backoffMs: 1000, error: Self.error), retries),
        ]
        for (event, count) in told {
            for _ in 0..<count {
                for sink in sinks { sink.record(event, about: nil, at: now) }
            }
        }
    }

    /// The percentages on the overview: of its tile, and the latest of its chart; nil where none is shown.
    private func overview(_ visitor: Visitor, _ span: String = "15m") async throws -> (tile: Double?, chart: Double?) {
        let page = try await visitor.get("/admin?span=\(span)").body
        let tile = page.firstMatch(of: /Success rate<\/span><span class="value" data-value="">([\d.]+) %</)
        let chart = page.firstMatch(of: /aria-label="Success rate over [^:]+: now succeeded ([\d.]+) %;/)
        return (tile.flatMap { Double($0.1) }, chart.flatMap { Double($0.1) })
    }

    @Test("the console's success rate is the metric's: of operations that ended, conflicts among them, without retries, over five minutes")
    func agrees() async throws {
        try await Visitor.enter("viewer", isTimed: true) { visitor in
            let clock = visitor.sidecar.clock
            let metrics = ProductionMetrics(clock: clock)
            let console = try #require(visitor.sidecar.server.console)
            let sinks: [any EventSink] = [console, MetricsSink(metrics)]
            func expectBoth(_ percent: Double, _ place: SourceLocation = #_sourceLocation) async throws {
                #expect(metrics.summary.successPercent == percent, sourceLocation: place)
                #expect(try await overview(visitor).tile == percent, sourceLocation: place)
            }
            tell(sinks, at: clock.now.wall, processed: 7, failed: 2, conflicts: 1, retries: 5)
            try await expectBoth(70)
            for span in ["15m", "1h", "24h"] { #expect(try await overview(visitor, span).chart == 70, "\(span)") }
            // The last millisecond at which the first ones count, and the next.
            clock.advance(byMilliseconds: 299_999)
            tell(sinks, at: clock.now.wall, processed: 3, failed: 7)
            try await expectBoth(50)
            clock.advance(byMilliseconds: 1)
            try await expectBoth(30)
        }
    }
    @Test("a success rate is shown to a tenth, no lower than it is and never as 100 % where one failed")
    func rounds() async throws {
        let cases: [(processed: Int, failed: Int, percent: Double)] = [
            (29, 71, 29), (57, 43, 57), (999, 1, 99.9), (1999, 1, 99.9), (2000, 0, 100),
        ]
        for (processed, failed, percent) in cases {
            try await Visitor.enter("viewer", isTimed: true) { visitor in
                let console = try #require(visitor.sidecar.server.console)
                tell([console], at: visitor.sidecar.clock.now.wall, processed: processed, failed: failed)
                let shown = try await overview(visitor)
                #expect(shown.tile == percent && shown.chart == percent, "\(processed) of \(processed + failed): \(shown)")
            }
        }
    }
}
