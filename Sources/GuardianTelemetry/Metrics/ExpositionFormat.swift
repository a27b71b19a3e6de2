/// How metrics are written for a scraper.
public enum ExpositionFormat: Sendable, Equatable {
    /// Prometheus text format 0.0.4.
    case prometheus
    /// OpenMetrics 1.0, with exemplars.
    case openMetrics

    /// The `Content-Type` to answer with.
    public var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// What an `Accept` field asks for: OpenMetrics where it is named, and liked no less than plain text.
    public init(accept: String?) {
        var openMetrics = 0.0
        var text = 0.0
        for part in (accept ?? "").lowercased().split(separator: ",") {
            let pieces = part.split(separator: ";").map { String($0.filter { !$0.isWhitespace }) }
            guard let type = pieces.first else { continue }
            let quality = pieces.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            switch type {
            case "application/openmetrics-text": openMetrics = max(openMetrics, quality)
            case "text/plain", "text/*", "*/*": text = max(text, quality)
            default: break
            }
        }
        self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .prometheus
    }
}
