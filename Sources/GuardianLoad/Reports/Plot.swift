import GuardianCore

/// A chart as inline SVG: axes with round numbers, lines or bars, colours from the page's own variables, so that it follows light and dark.
struct Plot: Sendable {
    /// Points that are joined in their order.
    struct Line: Sendable {
        /// For the legend, which names lines where there are several.
        var name: String
        /// More than 400 are drawn as the means of spans.
        var points: [SuiteResult.Point]
        /// Number of the colour, from 1 to 7.
        var colour: Int
        /// Sets a line that was computed off from the one that was measured; false by default.
        var isDashed = false

        /// `colour` beyond 1…7 has none in the style of the page.
        init(_ name: String, _ points: [SuiteResult.Point], colour: Int, isDashed: Bool = false) {
            self.name = name
            self.points = points
            self.colour = colour
            self.isDashed = isDashed
        }
    }

    /// A span of time with a state, drawn as a band.
    struct Band: Sendable {
        /// In units of x; bands widen the axis as points do.
        var from: Double
        /// In units of x, not before ``from``.
        var to: Double
        /// Name of the colour variable.
        var colour: String
        /// In the legend, where bands of one colour stand once.
        var label: String
    }

    /// Stands above, and is what screen readers say.
    var title: String
    /// What x is, and in which unit.
    var xLabel: String
    /// What y is, and in which unit.
    var yLabel: String
    /// Drawn in this order, above bands and bars.
    var lines: [Line] = []
    /// Bars, each from the x before it to its own.
    var bars: [SuiteResult.Point] = []
    /// Drawn behind all else, over the whole height.
    var bands: [Band] = []
    /// Values of x with a name of their own, in place of round numbers.
    var xNames: [(Double, String)]?
    /// Whether 0 is always on the y axis, so that small changes look small; true by default.
    var startsAtZero = true

    /// Empty: what is to be drawn is added.
    init(title: String, xLabel: String, yLabel: String) {
        self.title = title
        self.xLabel = xLabel
        self.yLabel = yLabel
    }

    private static let (width, height) = (640.0, 260.0)
    private static let (left, right, top, bottom) = (64.0, 16.0, 12.0, 40.0)
    /// Points of a line at most; more are drawn as the means of spans.
    private static let mostPoints = 400

    /// A `figure` element with caption and legend, made for the style of ``ReportPage``.
    var svg: String {
        let xs = lines.flatMap { $0.points.map(\.x) } + bars.map(\.x) + bands.flatMap { [$0.from, $0.to] }
        let ys = lines.flatMap { $0.points.map(\.y) } + bars.map(\.y)
        let x = Scale(
            low: bars.isEmpty ? xs.min() ?? 0 : 0, high: xs.max() ?? 1, from: Self.left, to: Self.width - Self.right, isExact: true)
        let lowest = startsAtZero ? min(0, ys.min() ?? 0) : ys.min() ?? 0
        let y = Scale(low: lowest, high: ys.max() ?? 1, from: Self.height - Self.bottom, to: Self.top, isExact: false)
        var out = "<figure><figcaption>\(Self.escape(title))</figcaption>"
        out += "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" aria-label=\"\(Self.escape(title))\">"
        out += bandMarks(x) + axes(x, y) + barMarks(x, y)
        for line in lines { out += path(line, x, y) }
        return out + "</svg>" + legend + "</figure>"
    }

    private func axes(_ x: Scale, _ y: Scale) -> String {
        var out = ""
        let (base, end) = (Self.height - Self.bottom, Self.width - Self.right)
        if !(lines.isEmpty && bars.isEmpty) {
            for tick in y.ticks {
                let at = Self.number(y(tick))
                out += "<line class=\"grid\" x1=\"\(Self.left)\" x2=\"\(end)\" y1=\"\(at)\" y2=\"\(at)\"/>"
                out += "<text class=\"tick\" x=\"\(Self.left - 6)\" y=\"\(at)\" dy=\"4\" text-anchor=\"end\">\(Self.label(tick))</text>"
            }
        }
        let marks = xNames ?? x.ticks.map { ($0, Self.label($0)) }
        for (tick, name) in marks {
            let at = Self.number(x(tick))
            out += "<text class=\"tick\" x=\"\(at)\" y=\"\(base + 16)\" text-anchor=\"middle\">\(Self.escape(name))</text>"
        }
        out += "<line class=\"axis\" x1=\"\(Self.left)\" x2=\"\(end)\" y1=\"\(base)\" y2=\"\(base)\"/>"
        out += "<text class=\"name\" x=\"\((Self.left + end) / 2)\" y=\"\(Self.height - 6)\" text-anchor=\"middle\">"
        out += Self.escape(xLabel) + "</text>"
        let middle = (Self.top + base) / 2
        out += "<text class=\"name\" transform=\"translate(14 \(middle)) rotate(-90)\" text-anchor=\"middle\">\(Self.escape(yLabel))</text>"
        return out
    }

    private func barMarks(_ x: Scale, _ y: Scale) -> String {
        var before = 0.0
        return bars.map { bar in
            defer { before = bar.x }
            let (from, to) = (x(before), x(bar.x))
            let (top, base) = (y(bar.y), y(0))
            let size = "width=\"\(Self.number(max(0.5, to - from - 1)))\" height=\"\(Self.number(max(0, base - top)))\""
            return "<rect class=\"c1 fill\" x=\"\(Self.number(from + 0.5))\" y=\"\(Self.number(top))\" \(size)/>"
        }.joined()
    }

    private func bandMarks(_ x: Scale) -> String {
        bands.map { band in
            let (from, to) = (x(band.from), x(band.to))
            let size = "width=\"\(Self.number(max(1, to - from)))\" height=\"\(Self.height - Self.bottom - Self.top)\""
            let title = "<title>\(Self.escape(band.label))</title>"
            return "<rect x=\"\(Self.number(from))\" y=\"\(Self.top)\" \(size) style=\"fill:var(--\(band.colour))\">\(title)</rect>"
        }.joined()
    }

    private func path(_ line: Line, _ x: Scale, _ y: Scale) -> String {
        let points = Self.thinned(line.points).map { "\(Self.number(x($0.x))),\(Self.number(y($0.y)))" }
        guard !points.isEmpty else { return "" }
        let dash = line.isDashed ? " stroke-dasharray=\"5 4\"" : ""
        let title = "<title>\(Self.escape(line.name))</title>"
        return "<polyline class=\"c\(line.colour) stroke\"\(dash) points=\"\(points.joined(separator: " "))\">\(title)</polyline>"
    }

    private var legend: String {
        var entries = lines.count > 1 ? lines.map { ("var(--c\($0.colour))", $0.name) } : []
        var seen: Set<String> = []
        for band in bands where seen.insert(band.colour).inserted { entries.append(("var(--\(band.colour))", band.label)) }
        guard !entries.isEmpty else { return "" }
        let items = entries.map { "<span><i style=\"background:\($0.0)\"></i>\(Self.escape($0.1))</span>" }
        return "<div class=\"legend\">\(items.joined())</div>"
    }

    private static func thinned(_ points: [SuiteResult.Point]) -> [SuiteResult.Point] {
        guard points.count > mostPoints else { return points }
        let size = (points.count + mostPoints - 1) / mostPoints
        return stride(from: 0, to: points.count, by: size).map { begin in
            let span = points[begin..<min(begin + size, points.count)]
            let count = Double(span.count)
            return .init(span.reduce(0) { $0 + $1.x } / count, span.reduce(0) { $0 + $1.y } / count)
        }
    }

    private static func number(_ value: Double) -> String { JSONValue.decimal((value * 10).rounded() / 10).text }

    private static func label(_ value: Double) -> String {
        let size = value.magnitude
        if size >= 1e6 { return "\(LoadReport.short(value / 1e6)) M" }
        if size >= 10_000 { return "\(LoadReport.short(value / 1000)) k" }
        return JSONValue.decimal((value * 100).rounded() / 100).text
    }

    /// Text as it may stand in HTML. Browsers read code points: an accent does not make another sign of a bracket.
    static func escape(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { out, scalar in
            switch scalar {
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "&": out += "&amp;"
            case "\"": out += "&quot;"
            default: out.unicodeScalars.append(scalar)
            }
        }
    }
}

/// From values to places on the page, and where round values are.
struct Scale {
    let low: Double
    let high: Double
    private let from: Double
    private let to: Double
    private let step: Double

    /// Widens the ends to round values unless `isExact`.
    init(low: Double, high: Double, from: Double, to: Double, isExact: Bool) {
        let span = max(high - low, 1e-9)
        let rough = span / 5
        var power = 1.0
        while power * 10 <= rough { power *= 10 }
        while power > rough { power /= 10 }
        step = [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? power
        self.low = isExact ? low : (low / step).rounded(.down) * step
        self.high = isExact ? max(high, low + 1e-9) : max((high / step).rounded(.up) * step, low + step)
        self.from = from
        self.to = to
    }

    func callAsFunction(_ value: Double) -> Double { from + (value - low) / (high - low) * (to - from) }

    var ticks: [Double] {
        let first = (low / step - 1e-9).rounded(.up)
        return (0...12).map { (first + Double($0)) * step }.filter { $0 <= high + step * 1e-6 }
    }
}
