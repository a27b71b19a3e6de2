import Foundation
import Testing

/// What `/metrics` of a process under test says at one moment.
struct Scrape {
    var text: String

    init(_ url: String, accept: String? = nil) async throws {
        let answer = try await Web.send("GET", url, "/metrics", headers: accept.map { ["Accept": $0] } ?? [:])
        #expect(answer.status == 200, "\(answer.body.prefix(500))")
        text = answer.body
    }

    /// The series of one name: what stands between braces, and the value.
    func series(_ name: String) -> [(labels: String, value: Double)] {
        text.split(separator: "\n").compactMap { line in
            guard line.hasPrefix(name), let next = line.dropFirst(name.count).first, next == "{" || next == " " else { return nil }
            let rest = line.dropFirst(name.count)
            let labels = next == "{" ? String(rest.dropFirst().prefix { $0 != "}" }) : ""
            let words = rest.drop { $0 != "}" && next == "{" }.split(separator: " ")
            return words.first(where: { $0 != "}" }).flatMap { Double($0) }.map { (labels, $0) }
        }
    }

    /// The sum over all series of a name whose labels hold `part`.
    func sum(_ name: String, _ part: String = "") -> Double {
        series(name).filter { part.isEmpty || $0.labels.contains(part) }.reduce(0) { $0 + $1.value }
    }
}
