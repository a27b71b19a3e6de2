import GuardianCore

/// Charts as inline SVG: lines over one span of time, drawn by presentation attributes and classes only, so that the policy holds.
enum Charts {
    private static let width = 600.0
    private static let height = 96.0

    /// One line: a value for each slot, nil where nothing was seen.
    struct Line {
        var name: String
        var values: [Double?]
        var isFilled = false
    }

    /// The four charts of a span.
    static func all(_ slots: [ConsoleHistory.Slot], _ span: ConsoleHistory.Span) -> [[String: Any]] {
        let seconds = Double(span.slotMs) / 1000
        let rates = [
            Line(name: "delivered", values: slots.map { $0.isSeen ? Double($0.processed) / seconds : nil }, isFilled: true),
            Line(name: "accepted", values: slots.map { $0.isSeen ? Double($0.accepted) / seconds : nil }),
        ]
        let depth = [Line(name: "pending", values: slots.map { $0.depth.map(Double.init) }, isFilled: true)]
        let latencies = [0.5, 0.95, 0.99].map { share in
            Line(name: "p\(Int(share * 100))", values: slots.map { $0.latencies.percentile(share).map(Double.init) })
        }
        let success = [Line(name: "succeeded", values: slots.map(\.successRate), isFilled: true)]
        return [
            chart("rate", "Rate", rates, from: span.name) { Show.rate($0) + "/s" },
            chart("depth", "Queue depth", depth, from: span.name) { Show.number(Int64($0)) },
            chart("latency", "Latency", latencies, from: span.name) { Show.duration(Int64($0)) },
            chart("success", "Success rate", success, from: span.name, top: 1) { Show.percent($0) },
        ]
    }

    private static func chart(
        _ kind: String, _ title: String, _ lines: [Line], from: String, top: Double? = nil, _ show: (Double) -> String
    ) -> [String: Any] {
        let known = lines.flatMap { $0.values.compactMap(\.self) }
        let highest = top ?? nice(known.max() ?? 0)
        let latest = lines.map { line in line.name + " " + (line.values.last(where: { $0 != nil }).flatMap(\.self).map(show) ?? "–") }
        let label =
            known.isEmpty
            ? "\(title) over \(from): nothing seen yet"
            : "\(title) over \(from): now \(latest.joined(separator: ", ")); highest \(show(known.max() ?? 0))"
        return [
            "kind": kind, "title": title, "now": latest.first.map { $0.drop { $0 != " " }.dropFirst() } ?? "", "from": from,
            "svg": svg(lines, highest, label: label, topText: show(highest)),
            "legend": lines.enumerated().map { ["tone": "line\($0.offset + 1)", "name": $0.element.name] },
        ]
    }

    /// `label` and `topText` are made of our own words and numbers.
    private static func svg(_ lines: [Line], _ highest: Double, label: String, topText: String) -> String {
        var out = "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" preserveAspectRatio=\"none\" role=\"img\" "
        out += "aria-label=\"\(label) (scale to \(topText))\">"
        for step in 0...2 {
            let y = text(4 + (height - 8) * Double(step) / 2)
            out += "<line class=\"grid\" x1=\"0\" x2=\"\(Int(width))\" y1=\"\(y)\" y2=\"\(y)\"/>"
        }
        for (index, line) in lines.enumerated() {
            for run in runs(line.values, highest) {
                let path = "M" + run.map { text($0.x) + " " + text($0.y) }.joined(separator: "L")
                if line.isFilled, let first = run.first, let last = run.last {
                    let base = text(height - 4)
                    out += "<path class=\"area\(index + 1)\" d=\"\(path)L\(text(last.x)) \(base)L\(text(first.x)) \(base)Z\"/>"
                }
                out += "<path class=\"line\(index + 1)\" d=\"\(path)\(run.count == 1 ? "h2" : "")\"/>"
            }
        }
        return out + "</svg>"
    }

    /// Stretches without a hole.
    private static func runs(_ values: [Double?], _ highest: Double) -> [[(x: Double, y: Double)]] {
        var runs: [[(x: Double, y: Double)]] = []
        var isOpen = false
        for (index, value) in values.enumerated() {
            guard let value else {
                isOpen = false
                continue
            }
            let x = width * Double(index) / Double(max(1, values.count - 1))
            let y = height - 4 - (height - 8) * min(1, value / max(highest, .ulpOfOne))
            if isOpen { runs[runs.count - 1].append((x, y)) } else { runs.append([(x, y)]) }
            isOpen = true
        }
        return runs
    }

    /// 1, 2 or 5 times a power of ten, not below `value`.
    private static func nice(_ value: Double) -> Double {
        guard value > 0 else { return 1 }
        var unit = 1.0
        while unit * 10 < value { unit *= 10 }
        while unit > value { unit /= 10 }
        return [1, 2, 5, 10].map { $0 * unit }.first { $0 >= value } ?? value
    }

    private static func text(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}
