import Foundation
import GuardianCore
import Testing

/// The limit that finds an upstream's capacity by itself, beside every fixed one.
@Suite struct AdaptiveLimitTests {
    private static let fixed = [4, 8, 12, 16, 20, 24, 32, 40, 64]

    @Test(
        "on each of five upstreams it delivers at least 0.9 of what the best fixed limit does",
        arguments: ConcurrencyWorld.Upstream.allCases)
    func isNearTheBest(_ upstream: ConcurrencyWorld.Upstream) async {
        let (best, own) = await OwnThreads.run {
            var best = (limit: 0, report: ConcurrencyWorld.Report(perSecond: 0))
            for limit in Self.fixed {
                var world = ConcurrencyWorld(upstream, seed: 1)
                let report = world.run(.fixed(limit))
                // The smallest of those that are as good: a larger one only fills a queue.
                if report.perSecond > best.report.perSecond * 1.01 { best = (limit, report) }
            }
            return (
                best,
                (UInt64(1)...2).map { seed in
                    var world = ConcurrencyWorld(upstream, seed: seed)
                    return world.run(.adaptive(most: 256))
                }
            )
        }
        let shares = own.map { $0.perSecond / best.report.perSecond }
        let least = shares.min() ?? 0
        let mean = own.reduce(0) { $0 + $1.meanMs } / Double(own.count)
        print(
            "measured: \(upstream.rawValue): \(String(format: "%.2f", least)) of the best fixed limit (\(best.limit)), answers in "
                + "\(String(format: "%.0f", mean)) ms against \(String(format: "%.0f", best.report.meanMs)); refused "
                + "\(own.map(\.refused)) against \(best.report.refused)")
        #expect(least >= 0.9)
        #expect(mean <= 1.7 * best.report.meanMs)
        // The best fixed limit was chosen knowing the upstream; it is not refused less.
        if upstream == .rateLimited { #expect(own.allSatisfy { $0.refused < best.report.refused }) }
    }

    @Test("a fixed limit that suits one upstream does badly at another; no fixed one does as well at all five")
    func noFixedLimitSuitsAll() async {
        let (fixed, own) = await OwnThreads.run {
            func worst(_ sender: ConcurrencyWorld.Sender, _ bests: [Double]) -> Double {
                zip(ConcurrencyWorld.Upstream.allCases, bests).map { upstream, best in
                    var world = ConcurrencyWorld(upstream, lengthMs: 20_000, seed: 1)
                    let report = world.run(sender)
                    return report.perSecond / best / max(1, report.meanMs / 200)
                }.min() ?? 0
            }
            let bests = ConcurrencyWorld.Upstream.allCases.map { upstream in
                Self.fixed.map { limit in
                    var world = ConcurrencyWorld(upstream, lengthMs: 20_000, seed: 1)
                    return world.run(.fixed(limit)).perSecond
                }.max() ?? 1
            }
            return (Self.fixed.map { worst(.fixed($0), bests) }.max() ?? 1, worst(.adaptive(most: 256), bests))
        }
        print(
            "measured: worst share over five upstreams: best fixed \(String(format: "%.2f", fixed)), adaptive \(String(format: "%.2f", own))"
        )
        #expect(own > fixed)
    }
}
