import GuardianCore
import Metrics

/// One counter as it is recorded: in our own registry, and in the app's backend when it has one.
final class CountedSeries: Sendable {
    let cell: CounterCell
    private let backend: Counter?

    init(_ registry: PrometheusRegistry, _ family: MetricFamily, _ dimensions: [(String, String)] = [], backend: (any MetricsFactory)?) {
        cell = registry.counter(family, dimensions)
        self.backend = backend.map { Counter(label: family.name, dimensions: dimensions, factory: $0) }
    }

    var count: Int64 { cell.count }

    func add(_ exemplar: Exemplar? = nil) {
        if let exemplar { cell.increment(by: 1, exemplar) } else { cell.increment(by: 1) }
        backend?.increment()
    }

    /// One more of what is counted elsewhere: the app's backend alone counts it here.
    func note(_ exemplar: Exemplar?) {
        if let exemplar { cell.note(exemplar) }
        backend?.increment()
    }
}

/// One histogram as it is recorded, as ``CountedSeries`` is.
final class MeasuredSeries: Sendable {
    let cell: HistogramCell
    private let backend: Recorder?

    init(_ registry: PrometheusRegistry, _ family: MetricFamily, backend: (any MetricsFactory)?) {
        cell = registry.histogram(family)
        self.backend = backend.map { Recorder(label: family.name, factory: $0) }
    }

    func record(_ value: Double, _ exemplar: Exemplar? = nil) {
        if let exemplar { cell.record(value, exemplar) } else { cell.record(value) }
        backend?.record(value)
    }
}

/// One gauge as it is set, as ``CountedSeries`` is.
final class GaugedSeries: Sendable {
    let cell: GaugeCell
    private let backend: Meter?

    init(_ registry: PrometheusRegistry, _ family: MetricFamily, _ dimensions: [(String, String)] = [], backend: (any MetricsFactory)?) {
        cell = registry.gauge(family, dimensions)
        self.backend = backend.map { Meter(label: family.name, dimensions: dimensions, factory: $0) }
    }

    var value: Double { cell.value }

    func set(_ value: Double) {
        cell.set(value)
        backend?.set(value)
    }
}
