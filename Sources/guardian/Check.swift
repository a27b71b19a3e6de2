import ArgumentParser
import Foundation
import GuardianCore
import GuardianRuntime
import GuardianSQLite

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Count everything anew and look for damage; exit 1 when something is wrong.",
        discussion: """
            --repair mends what can be: lines and heads are computed anew; a damaged file is set aside whole, what can be read of it goes \
            into a new store, and what can't is named. A sealed value that can't be opened is damage too. Nothing is deleted. It needs \
            the store for itself. Unlike `serve`, it passes at once over what the disk can't read, and over a log that can't be read.
            Exit codes: 0 all is well, also after a repair that lost nothing, 1 something is wrong, or a repair has lost something or \
            can't tell, 4 the store is unavailable or damaged, 5 not confirmed, or in use.
            Examples:
              guardian check --json
              guardian check --repair --yes
            """)
    @OptionGroup var options: StoreOptions
    @Flag(help: "Mend what is wrong.") var repair = false
    @Flag(help: "Do not ask.") var yes = false

    func run() async throws {
        guard repair else { return try await options.look { try await say(try await $0.check(), mended: nil) } }
        let assembly = Assembly(try options.settings())
        guard assembly.isStoredInFile else { return try await mend(try await options.existingStore()) }
        let configuration = try assembly.storeConfiguration()
        let files = StoreFiles(path: configuration.path)
        guard files.exists || files.emptied != nil else {
            throw Failure(.storeUnavailable, "there is no store at \(configuration.path)")
        }
        if let damage = try SQLiteStore.integrityProblems(configuration).first ?? SQLiteStore.sealingDamage(configuration) {
            return try await salvage(configuration, damage)
        }
        try await mend(try await options.existingFile())
    }

    private func mend(_ store: any OpenedStore) async throws {
        let found = try await store.check()
        guard !found.problems.isEmpty else { return try await say(found, mended: nil) }
        try Terminal.confirm("\(found.problems.joined(separator: "; ")). Compute lines, heads and counters anew?", yes: yes)
        let count = try await store.rebuildIndex(ordering: nil)
        try await say(try await store.check(), mended: ["rows_mended": JSONValue(count)])
    }

    private func salvage(_ configuration: SQLiteStore.Configuration, _ damage: String) async throws {
        try Terminal.confirm("The file is damaged (\(damage)). Set it aside, and bring what can be read over into a new store?", yes: yes)
        let report = try SQLiteStore.quarantine(
            configuration, problem: damage, now: SystemClock().now.wall, passingOver: .pagesAndLog)
        if !options.json {
            Terminal.say("set aside: \(report.aside)")
            if report.unreadBytes > 0 { Terminal.say("not readable on the disk: \(report.unreadBytes) bytes") }
            Terminal.say("brought over: \(report.recovered) operations")
            for lost in report.lost { Terminal.say("lost: \(lost.id) (seq \(lost.seq))") }
            if report.lostUnnamed > 0 { Terminal.say("lost, without a name left: \(report.lostUnnamed)") }
            if !report.isLossKnown { Terminal.say("how many more are lost is not known: the log or the counters can't be read") }
        }
        try await say(try await SQLiteStore.open(configuration).check(), mended: report.json)
        guard report.lostCount == 0, report.isLossKnown else {
            throw Failure(.failed, "\(report.lossText); see \(report.aside).json, and keep \(report.aside)")
        }
    }

    private func say(_ report: CheckReport, mended: JSONValue?) async throws {
        if options.json {
            var answer: [JSONValue.Member] = [
                .init("gap", JSONValue(report.gap)), .init("pending", JSONValue(report.pending)),
                .init("processing", JSONValue(report.processing)), .init("failed", JSONValue(report.failed)),
                .init("books", report.books.json), .init("problems", .array(report.problems.map { .string($0) })),
            ]
            if let mended { answer.append(.init("repair", mended)) }
            Terminal.report(JSONValue.object(answer).text)
        } else {
            Terminal.report("pending \(report.pending)  processing \(report.processing)  failed \(report.failed)  gap \(report.gap)")
            for problem in report.problems { Terminal.report("problem: \(problem)") }
        }
        if !report.problems.isEmpty { throw Failure(.failed, "\(report.problems.count) problem(s) found") }
    }
}
