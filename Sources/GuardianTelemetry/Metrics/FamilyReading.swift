/// One family as it stands at one instant.
struct FamilyReading: Sendable {
    enum Value: Sendable {
        case count(Int64, Exemplar?)
        case number(Double)
        case histogram([Double], HistogramCell.Reading)
        case summary(PrometheusRegistry.SummaryReading)
    }

    struct Series: Sendable {
        var labels: [(name: String, value: String)]
        var value: Value

        init(labels: [(String, String)], value: Value) {
            self.labels = labels.map { (name: $0.0, value: $0.1) }
            self.value = value
        }
    }

    var family: MetricFamily
    var series: [Series]
}
