import Testing

@Suite("Banned calls")
struct BannedCallTests {
    /// What Core may not do: read a clock, wait on one, write to the terminal, swallow an error, or bring the app down.
    static let bannedInCore = ["Date()", "Date.now", "Task.sleep", "ContinuousClock", "print(", "try?", "try!", "fatalError("]

    /// What nothing that ships may do: both end the process of whoever took the library in.
    static let bannedEverywhere = ["try!", "fatalError("]

    /// A file that may make calls that others may not.
    struct Exception {
        let file: String
        let calls: Set<String>
        let reason: String
    }

    static let exceptions = [
        Exception(
            file: "Sources/GuardianCore/Engine/SystemClock.swift",
            calls: ["Date()", "Date.now", "Task.sleep", "ContinuousClock"],
            reason: "It is the one place where the injected clocks meet the real ones.")
    ]

    let tree = SourceTree.current

    @Test("Core reads no clock, prints nothing, swallows no error", arguments: bannedInCore)
    func coreIsPure(call: String) {
        report(call, in: "Sources/GuardianCore")
    }

    @Test("Nothing that ships brings its process down on purpose", arguments: bannedEverywhere)
    func nothingTraps(call: String) {
        report(call, in: "Sources")
    }

    @Test("Every HTTP client has the network stack that is tested here, on Apple's platforms too")
    func sharesTheStack() {
        let clients = tree.files(in: "Sources", endingIn: [".swift"]).filter { file in
            ["= HTTPClient(", "return HTTPClient(", "withHTTPClient("].contains { file.text.contains($0) }
        }
        #expect(clients.count == 5)
        for file in clients { #expect(file.text.contains("MultiThreadedEventLoopGroup.singleton"), "\(file.path)") }
    }

    @Test("A banned call is found as a word of its own")
    func callsAreWords() {
        #expect(Self.makes("print(", in: "    print(\"x\")"))
        #expect(Self.makes("print(", in: "Swift.print(1)"))
        #expect(!Self.makes("print(", in: "fingerprint(x)"))
        #expect(!Self.makes("Date()", in: "mandate.isDate() || UpDate()"))
        #expect(Self.makes("Date()", in: "let now = Date()"))
        #expect(Self.makes("try?", in: "let a = try? b()"))
    }

    private func report(_ call: String, in folder: String) {
        for file in tree.files(in: folder, endingIn: [".swift"]) {
            if Self.exceptions.contains(where: { $0.file == file.path && $0.calls.contains(call) }) { continue }
            for (index, line) in SwiftCode(file.text).lines.enumerated() where Self.makes(call, in: line) {
                Issue.record("\(file.path):\(index + 1): \(call) is banned here")
            }
        }
    }

    /// Whether a line has the call, not as the tail of a longer name, nor as its own declaration.
    static func makes(_ call: String, in line: String) -> Bool {
        line.ranges(of: call).contains { range in
            let before = line[..<range.lowerBound]
            if before.hasSuffix("func ") { return false }
            guard let last = before.last else { return true }
            if last == ".", call.first?.isUppercase == false { return before.hasSuffix("Swift.") }
            return !(last.isLetter || last.isNumber || last == "_")
        }
    }
}
