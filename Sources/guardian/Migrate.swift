import ArgumentParser
import Foundation
import GuardianCore
import GuardianRuntime
import GuardianSQLite

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what the configured up-casters make of the pending operations; exit 1 when one of them can't be cast.",
        discussion: """
            Changes nothing: the running engine casts an operation when it claims it, and sets one that can't be cast aside as failed.
            Example: guardian migrate --dry-run --config guardian.yaml
            """)
    @OptionGroup var options: StoreOptions
    @Flag(help: "Only look. It is needed: casts are made by `guardian serve`.") var dryRun = false

    /// Operations held at a time: their payloads may have 1 MiB each.
    static let page = 50

    func run() async throws {
        guard dryRun else {
            throw Failure(
                .usage,
                "casts are made at claim by the running engine: start `guardian serve` with the same configuration; --dry-run only looks")
        }
        var forecast = Forecast(processor: try Assembly(try options.settings()).processorConfiguration())
        let store = try await options.existingStore()
        var filter = OperationFilter(status: .pending, limit: Self.page)
        while true {
            let found = try await store.list(filter)
            for operation in found { forecast.add(operation) }
            guard let last = found.last else { break }
            filter.afterSeq = last.seq
            if Terminal.errorIsTerminal { Terminal.write("\r\(forecast.total.all) operations looked at", to: .standardError) }
        }
        if Terminal.errorIsTerminal { Terminal.write("\n", to: .standardError) }
        if options.json { Terminal.report(forecast.json.text) } else { forecast.lines.forEach(Terminal.report) }
        let impossible = forecast.total.impossible
        if impossible > 0 { throw Failure(.failed, "\(impossible) operation(s) can't be cast; mend the casters, or upgrade") }
    }
}

/// What casters make of a queue, counted by entity type and version.
struct Forecast {
    /// Reasons kept for each entity type and version.
    static let mostReasons = 10
    /// Entity types and versions told apart; what comes after them is counted together.
    static let mostGroups = 1000

    struct Group: Hashable, Comparable {
        static let others = Group(entity: "(others)", version: 0)

        var entity: String
        var version: Int

        static func < (one: Group, other: Group) -> Bool { (one.entity, one.version) < (other.entity, other.version) }
    }

    struct Count {
        var upToDate = 0
        var cast = 0
        var impossible = 0
        var reasons: [(id: OperationID, error: LastError)] = []

        var all: Int { upToDate + cast + impossible }
    }

    let processor: ProcessorConfiguration
    private var groups: [Group: Count] = [:]
    private(set) var total = Count()

    init(processor: ProcessorConfiguration) { self.processor = processor }

    mutating func add(_ operation: GuardianCore.Operation) {
        var group = Group(entity: operation.entity.type, version: operation.schemaVersion)
        if groups[group] == nil, groups.count >= Self.mostGroups { group = .others }
        var count = groups[group] ?? Count()
        switch processor.cast(operation) {
        case .upToDate:
            count.upToDate += 1
            total.upToDate += 1
        case .changed:
            count.cast += 1
            total.cast += 1
        case .impossible(let error):
            count.impossible += 1
            total.impossible += 1
            if count.reasons.count < Self.mostReasons { count.reasons.append((operation.id, error)) }
        }
        groups[group] = count
    }

    private var sorted: [(key: Group, value: Count)] { groups.sorted { $0.key < $1.key } }

    private func target(of group: Group) -> Int? { group == .others ? nil : processor.upcasters.current(for: group.entity) }

    var lines: [String] {
        var lines = ["\(total.all) pending: \(Self.words(total, to: nil))"]
        for (group, count) in sorted {
            let name = group == .others ? group.entity : "\(group.entity) version \(group.version)"
            lines.append("\(name): \(Self.words(count, to: target(of: group)))")
            lines += count.reasons.map { "  \($0.id)  \($0.error.code): \($0.error.message)" }
        }
        return lines
    }

    private static func words(_ count: Count, to version: Int?) -> String {
        let version = count.cast > 0 ? version.map { " to version \($0)" } ?? "" : ""
        return "\(count.upToDate) up to date, \(count.cast) would be cast\(version), \(count.impossible) impossible"
    }

    var json: JSONValue {
        let list = sorted.map { group, count -> JSONValue in
            let reasons = count.reasons.map { reason -> JSONValue in
                ["id": .string(reason.id.description), "code": .string(reason.error.code), "message": .string(reason.error.message)]
            }
            var members = [JSONValue.Member("entity_type", .string(group.entity)), .init("schema_version", JSONValue(group.version))]
            if count.cast > 0, let target = target(of: group) { members.append(.init("to_version", JSONValue(target))) }
            return .object(members + Self.members(count) + [.init("reasons", .array(reasons))])
        }
        return .object([.init("pending", JSONValue(total.all))] + Self.members(total) + [.init("groups", .array(list))])
    }

    private static func members(_ count: Count) -> [JSONValue.Member] {
        [
            .init("up_to_date", JSONValue(count.upToDate)), .init("would_cast", JSONValue(count.cast)),
            .init("impossible", JSONValue(count.impossible)),
        ]
    }
}
