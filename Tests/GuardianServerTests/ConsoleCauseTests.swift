import Foundation
import GuardianCore
import GuardianServer
import GuardianTesting
import Testing

@Suite struct ConsoleCauseTests {
    @Test("a group of failures names those that were enqueued first and last, and when each of them failed")
    func ends() async throws {
        try await Visitor.enter("viewer", isTimed: true) { visitor in
            let enqueued = visitor.sidecar.clock.now.wall
            try await visitor.sidecar.accept(operation("old", id: "old"))
            try await visitor.fail(["young"])
            visitor.sidecar.clock.advance(byMilliseconds: 5000)
            let failed = visitor.sidecar.clock.now.wall
            let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "room 7 is gone")
            try await visitor.sidecar.settleHeads(.failed(error))
            let page = try await visitor.get("/admin/failures").body
            #expect(page.matches(of: /class="card group"/).count == 1)
            func times(_ title: String) throws -> [String] {
                let row = try #require(page.components(separatedBy: "<dt>\(title)</dt>").dropFirst().first).prefix { $0 != "\n" }
                return row.matches(of: /datetime="([^"]+)"/).map { String($0.1) }
            }
            let first = try times("Enqueued first")
            let last = try times("Enqueued last")
            #expect(first.prefix(2) == [enqueued.rfc3339, failed.rfc3339])
            #expect(last == [enqueued.rfc3339, enqueued.rfc3339])
        }
    }

    /// An alert as the console is told of it.
    private static func alert(_ name: String, _ state: Alert.State) -> Alert {
        Alert(name: name, severity: .high, state: state, threshold: 1, condition: "too much", action: "look")
    }

    @Test("an alert leads to the list behind it, and one that is raised says how many are there, with the first and the last trace")
    func alerts() async throws {
        let known = [
            Self.alert("failed_rate", .firing), Self.alert("queue_depth", .pending), Self.alert("circuit_trips", .firing),
            Self.alert("latency", .quiet), Self.alert("accounting_gap", .quiet),
        ]
        try await Visitor.enter("viewer", change: { $0.alerts = { known } }) { visitor in
            try await visitor.fail(["a", "b", "c"])
            try await visitor.sidecar.accept(operation("d", id: "d"))
            let stored = try await visitor.sidecar.stored
            var page = ""
            try await eventually("the count") {
                page = try await visitor.get("/admin/alerts").body
                return page.contains("3 failed now")
            }
            var cards: [String: String] = [:]
            for card in page.components(separatedBy: "<article ").dropFirst() {
                let name = try #require(card.firstMatch(of: /<h2>(\w+)<\/h2>/)).1
                cards[String(name)] = card
            }
            let hrefs = [
                "failed_rate": "/admin/operations?status=failed", "queue_depth": "/admin/operations?status=pending",
                "circuit_trips": "/admin/logs?q=breaker_opened", "latency": "/admin/operations?status=processing",
                "accounting_gap": "/admin/logs?q=books_unbalanced",
            ]
            for (name, href) in hrefs {
                #expect(cards[name]?.contains("href=\"\(href)\"") == true, "\(name)")
                let list = try await visitor.get(href)
                #expect(list.status == 200)
            }
            let traces = cards.mapValues { card in card.matches(of: /\/admin\/logs\?trace=([\w-]+)/).map { String($0.1) } }
            #expect(traces["failed_rate"] == [stored[0].traceID.description, stored[2].traceID.description])
            #expect(traces["queue_depth"] == [stored[3].traceID.description, stored[3].traceID.description])
            for quiet in ["circuit_trips", "latency", "accounting_gap"] { #expect(traces[quiet] == []) }
        }
    }

    @Test("an alert is shown while the store does not answer")
    func inTrouble() async throws {
        let store = TroubledStore()
        let known = [Self.alert("failed_rate", .firing)]
        try await Visitor.enter("viewer", store: store, change: { $0.alerts = { known } }) { visitor in
            store.trouble = .unavailable("by the test")
            let page = try await visitor.get("/admin/alerts")
            #expect(page.status == 200)
            #expect(page.body.contains("<h2>failed_rate</h2>"))
        }
    }
}
