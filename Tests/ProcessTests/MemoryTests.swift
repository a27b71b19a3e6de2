import Foundation
import Testing

extension ProcessTests {
    /// Memory is bounded, however long the queue (spec section 3.9).
    @Suite struct MemoryTests {
        static let mostKiB = 64 * 1024

        @Test("serve holds a long queue and drains it within 64 MiB")
        func staysSmall() async throws {
            let count = ProcessInfo.processInfo.environment["GUARDIAN_MEMORY_JOB"].flatMap { Int($0) } ?? 20_000
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/operations.ndjson"
            let job = ["sh", "-c", "\"$0\" generate --operations \(count) --entities 5000 --seed 3 > \(file)", Guardian.binary]
            #expect(try await Shell.run(job).status == 0)
            #expect(try await workplace.run("enqueue", "--from-file", file).status == 0)
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let serve = try await workplace.serve(upstream: backend.url, ["--workers", "32"])
            defer { serve.kill() }
            try await Web.wait("\(count) processed", seconds: 60 + count / 1000) { try await Web.processed(serve.url) >= count }
            let peak = serve.peakKiB
            #expect((1...Self.mostKiB).contains(peak))
            #expect(serve.terminate() == 0)
            print("measured: peak RSS \(peak / 1024) MiB over \(count) operations")
        }

        /// Runs a command, and prints how many ids it has named, and the most memory that it had in KiB.
        static let count = """
            import resource, subprocess, sys
            command = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
            (count, rest) = (0, b"")
            while piece := command.stdout.read(1 << 20):
                count += (rest + piece).count(b"op-")
                rest = (rest + piece)[-2:]
            status = command.wait()
            print(count, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
            sys.exit(status)
            """

        @Test("list holds no payload that it does not print, and never all that it prints")
        func listsLarge() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (file, count) = (workplace.path + "/operations.ndjson", 200)
            let padding = String(repeating: "x", count: 800_000)
            try Data().write(to: URL(fileURLWithPath: file))
            let lines = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
            for number in 0..<count {
                let operation =
                    #"{"id":"op-\#(number)","operation_type":"update","entity_type":"room","entity_id":"r","payload":{"p":"\#(padding)"}}"#
                try lines.write(contentsOf: Data((operation + "\n").utf8))
            }
            try lines.close()
            #expect(try await workplace.run("enqueue", "--from-file", file).status == 0)
            for (json, most) in [([String](), Self.mostKiB), (["--json"], 2 * Self.mostKiB)] {
                let answer = try await Guardian.run(
                    ["list", "--limit", "1000", "--data-dir", workplace.path] + json, wrapper: ["python3", "-c", Self.count])
                #expect(answer.status == 0 && answer.errors.isEmpty, "\(answer.errors)")
                let figures = answer.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
                try #require(figures.count == 2, "\(answer.output)")
                print("measured: peak RSS \(figures[1] / 1024) MiB of list \(json.joined()) over \(count * padding.utf8.count >> 20) MiB")
                #expect(figures[0] == count)
                #expect(figures[1] <= most)
            }
        }
    }
}
