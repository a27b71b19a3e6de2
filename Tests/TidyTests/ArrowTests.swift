import Testing

@Suite("Arrows between targets")
struct ArrowTests {
    /// Which of the project's own modules each target may import. A new target is drawn here first.
    static let arrows: [String: Set<String>] = [
        "GuardianCore": [],
        "GuardianPrivacy": ["GuardianCore"],
        "GuardianSQLite": ["GuardianCore", "GuardianPrivacy"],
        "CLibPQ": [],
        "GuardianPostgres": ["GuardianCore", "GuardianPrivacy", "CLibPQ"],
        "GuardianHTTP": ["GuardianCore", "GuardianPrivacy"],
        "GuardianTelemetry": ["GuardianCore", "GuardianPrivacy"],
        "GuardianServer": ["GuardianCore", "GuardianPrivacy"],
        // The reference upstream shares no model with the engine, so that it can disagree with it.
        "GuardianBackend": [],
        // Suites go over real HTTP.
        "GuardianLoad": ["GuardianCore", "GuardianHTTP"],
        "GuardianRuntime": [
            "GuardianCore", "GuardianPrivacy", "GuardianSQLite", "GuardianPostgres", "GuardianHTTP", "GuardianTelemetry", "GuardianServer",
        ],
        "GuardianTesting": ["GuardianCore"],
        "GuardianSync": ["GuardianCore", "GuardianPrivacy", "GuardianSQLite", "GuardianHTTP"],
        // Commands work on the store directly, also while the daemon is down.
        "guardian": [
            "GuardianRuntime", "GuardianLoad", "GuardianBackend", "GuardianCore", "GuardianServer", "GuardianSQLite", "GuardianPostgres",
            "GuardianHTTP", "GuardianPrivacy", "GuardianTelemetry",
        ],
    ]

    static let adapters: Set<String> = [
        "GuardianSQLite", "GuardianPostgres", "GuardianHTTP", "GuardianTelemetry", "GuardianServer",
    ]

    let tree = SourceTree.current

    @Test("Every target has its arrows drawn, and every arrow its target")
    func everyTargetIsDrawn() {
        #expect(Set(tree.directories(in: "Sources")) == Set(Self.arrows.keys))
    }

    @Test("A target imports only what its arrows allow", arguments: arrows.keys.sorted())
    func arrowsHold(target: String) {
        let own = Set(Self.arrows.keys)
        let allowed = Self.arrows[target, default: []]
        for file in tree.files(in: "Sources/\(target)", endingIn: [".swift"]) {
            for found in SwiftCode(file.text).imports where own.contains(found.module) && !allowed.contains(found.module) {
                Issue.record("\(file.path):\(found.line): \(target) may not import \(found.module)")
            }
        }
    }

    @Test("No adapter may import another adapter")
    func adaptersAreStrangers() {
        for adapter in Self.adapters {
            #expect(Self.arrows[adapter, default: []].isDisjoint(with: Self.adapters), "\(adapter)")
        }
    }

    @Test("The arrows have no way round in a circle")
    func arrowsHaveNoCircle() {
        var settled: Set<String> = []
        var waiting = Self.arrows
        while let next = waiting.first(where: { $0.value.isSubset(of: settled) })?.key {
            settled.insert(next)
            waiting[next] = nil
        }
        #expect(waiting.isEmpty, "these import each other: \(waiting.keys.sorted())")
    }

    @Test("Only tests import GuardianTesting")
    func testingStaysInTests() {
        let shipped = ["Sources", "Benchmarks", "Examples"].flatMap { tree.files(in: $0, endingIn: [".swift"]) }
        for file in shipped {
            for found in SwiftCode(file.text).imports where found.module == "GuardianTesting" {
                Issue.record("\(file.path):\(found.line): GuardianTesting is for tests")
            }
        }
    }

    @Test("Core imports nothing foreign")
    func coreImportsNothingForeign() {
        for file in tree.files(in: "Sources/GuardianCore", endingIn: [".swift"]) {
            for found in SwiftCode(file.text).imports {
                let isHome = ["Synchronization", "FoundationEssentials"].contains(found.module)
                let isFallback = found.module == "Foundation" && found.isFoundationFallback
                #expect(isHome || isFallback, "\(file.path):\(found.line): Core may not import \(found.module)")
            }
        }
    }

    @Test("Tests are written with Swift Testing only")
    func swiftTestingOnly() {
        for file in tree.files(in: "Tests", endingIn: [".swift"]) {
            for found in SwiftCode(file.text).imports where found.module == "XCTest" {
                Issue.record("\(file.path):\(found.line): use Testing, not XCTest")
            }
        }
    }
}
