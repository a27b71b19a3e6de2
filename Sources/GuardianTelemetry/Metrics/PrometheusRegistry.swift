public import Metrics
import GuardianCore
import Synchronization

/// Keeps metrics for scrapers: a backend of swift-metrics whose values come out as Prometheus text, OpenMetrics or JSON.
///
/// An app may bootstrap `MetricsSystem` with it, so that what its other libraries record is scraped too. Each family keeps
/// ``seriesLimit`` sets of labels at most; what comes after them is counted in one series whose labels are all `other`, and named as those
/// of the first that found no room. Values are atomics: recording takes no lock.
public final class PrometheusRegistry: MetricsFactory, Sendable {
    /// Series of one family at most.
    public static let seriesLimit = Tally.mostLabels + 30
    /// Families at most; handlers of further ones record into nothing that is shown.
    public static let familyLimit = 500

    enum Cell: Sendable {
        case counter(CounterCell)
        case gauge(GaugeCell)
        case histogram(HistogramCell)
        case summary(@Sendable () -> SummaryReading)
    }

    /// What a summary shows: quantiles of a window, and all that was ever recorded.
    struct SummaryReading: Sendable {
        var quantiles: [(quantile: Double, value: Double)]
        var sum: Double
        var count: Int64
    }

    struct Labels: Hashable, Sendable {
        var names: [String]
        var values: [String]

        init(_ dimensions: [(String, String)]) {
            names = dimensions.map { MetricFamily.sanitized($0.0) }
            values = dimensions.map(\.1)
        }

        var other: Labels {
            var labels = self
            labels.values = values.map { _ in "other" }
            return labels
        }
    }

    private struct Entry {
        var family: MetricFamily
        var series: [(labels: Labels, cell: Cell)] = []
        var places: [Labels: Int] = [:]
        /// Of the series for what comes after the limit.
        var rest: Int?
    }

    private struct State {
        var entries: [Entry] = []
        var places: [String: Int] = [:]
    }

    private let state = Mutex(State())

    /// Holds nothing yet. Registries know nothing of each other: what is scraped together must be made in one.
    public init() {}

    /// What is to be shown now, families in the order in which they were made.
    func reading() -> [FamilyReading] {
        state.withLock { state in
            state.entries.map { entry in
                FamilyReading(
                    family: entry.family,
                    series: entry.series.map { series in
                        .init(labels: Array(zip(series.labels.names, series.labels.values)), value: Self.read(series.cell))
                    })
            }
        }
    }

    /// Everything in it, for a scraper.
    public func exportPrometheus(_ format: ExpositionFormat = .prometheus) -> String { Exposition.write(reading(), format) }

    /// For the test that nothing waits for a scrape: `read` is called while the registry is locked.
    package func makeSlowGauge(_ read: @escaping @Sendable () -> Void) {
        summary(MetricFamily("slow", .summary, "A reading that takes its time.")) {
            read()
            return SummaryReading(quantiles: [], sum: 0, count: 0)
        }
    }

    private static func read(_ cell: Cell) -> FamilyReading.Value {
        switch cell {
        case .counter(let cell): .count(cell.count, cell.lastExemplar)
        case .gauge(let cell): .number(cell.value)
        case .histogram(let cell): .histogram(cell.bounds, cell.reading)
        case .summary(let read): .summary(read())
        }
    }

    /// The cell of these labels; the family is made when it is new. nil when there is no room, or the family is of another kind.
    func cell(_ family: MetricFamily, _ dimensions: [(String, String)], make: () -> Cell) -> Cell? {
        let labels = Labels(dimensions)
        return state.withLock { state in
            let place: Int
            if let known = state.places[family.name] {
                place = known
            } else {
                guard state.entries.count < Self.familyLimit else { return nil }
                place = state.entries.count
                state.places[family.name] = place
                state.entries.append(Entry(family: family))
            }
            guard state.entries[place].family.kind == family.kind else { return nil }
            return Self.cell(&state.entries[place], labels, make)
        }
    }

    private static func cell(_ entry: inout Entry, _ labels: Labels, _ make: () -> Cell) -> Cell {
        if let place = entry.places[labels] { return entry.series[place].cell }
        // One place is kept for what comes after the limit, whatever its labels are called.
        let isFull = entry.series.count >= seriesLimit - 1
        if isFull, let place = entry.rest { return entry.series[place].cell }
        let labels = isFull ? labels.other : labels
        let place = entry.places[labels] ?? entry.series.count
        if isFull { entry.rest = place }
        if place < entry.series.count { return entry.series[place].cell }
        let cell = make()
        entry.places[labels] = place
        entry.series.append((labels, cell))
        return cell
    }

    func counter(_ family: MetricFamily, _ dimensions: [(String, String)] = []) -> CounterCell {
        let made = CounterCell()
        if case .counter(let cell)? = cell(family, dimensions, make: { .counter(made) }) { return cell }
        return made
    }

    func gauge(_ family: MetricFamily, _ dimensions: [(String, String)] = []) -> GaugeCell {
        let made = GaugeCell()
        if case .gauge(let cell)? = cell(family, dimensions, make: { .gauge(made) }) { return cell }
        return made
    }

    func histogram(_ family: MetricFamily, _ dimensions: [(String, String)] = []) -> HistogramCell {
        let made = HistogramCell(bounds: family.bounds)
        if case .histogram(let cell)? = cell(family, dimensions, make: { .histogram(made) }) { return cell }
        return made
    }

    func summary(_ family: MetricFamily, read: @escaping @Sendable () -> SummaryReading) {
        _ = cell(family, [], make: { .summary(read) })
    }

    // MARK: swift-metrics

    /// Bounds for what others record: from a tenth of a millisecond to ten seconds, when they are times.
    private static let commonBounds = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

    private static func family(_ label: String, _ kind: MetricFamily.Kind, suffix: String = "") -> MetricFamily {
        let name = MetricFamily.sanitized(label)
        return MetricFamily(
            name.hasSuffix(suffix) ? name : name + suffix, kind, "Recorded through swift-metrics as \(label).",
            bounds: kind == .histogram ? commonBounds : [])
    }

    /// Shown with `_total` at the end of its name.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(Self.family(label, .counter, suffix: "_total"), dimensions)
    }

    /// A gauge, which shows the last value.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(Self.family(label, .gauge), dimensions)
    }

    /// A histogram with bounds from 0.0001 to 10 where it aggregates, else a gauge that shows the last value.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { return histogram(Self.family(label, .histogram), dimensions) }
        return gauge(Self.family(label, .gauge), dimensions)
    }

    /// A histogram in seconds, with `_seconds` at the end of its name.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(Self.family(label, .histogram, suffix: "_seconds"), dimensions)
    }

    /// Series are kept: one that comes and goes would look like a restart to a scraper.
    public func destroyCounter(_ handler: any CounterHandler) {}
    /// Nothing, as ``destroyCounter(_:)``.
    public func destroyMeter(_ handler: any MeterHandler) {}
    /// Nothing, as ``destroyCounter(_:)``.
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    /// Nothing, as ``destroyCounter(_:)``.
    public func destroyTimer(_ handler: any TimerHandler) {}
}
