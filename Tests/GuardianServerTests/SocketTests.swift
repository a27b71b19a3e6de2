import Foundation
import GuardianCore
import GuardianServer
import NIOHTTP1
import Testing

@Suite struct SocketTests {
    /// A path of its own, short enough for a socket, gone after the test.
    private func withPath(_ body: (String) async throws -> Void) async throws {
        let path = NSTemporaryDirectory() + "guardian-\(UInt32.random(in: 0 ... .max)).sock"
        defer { unlink(path) }
        try await body(path)
    }

    /// Leaves what a killed server leaves: the file of a socket that nobody listens to.
    private func leave(_ path: String) throws {
        #if canImport(Darwin)
            let kind = SOCK_STREAM
        #else
            let kind = Int32(SOCK_STREAM.rawValue)
        #endif
        let socket = socket(AF_UNIX, kind, 0)
        defer { close(socket) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let result = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        try #require(result == 0)
    }

    /// Runs a sidecar on `path` and says hello.
    private func serve(_ path: String, _ body: (Sidecar) async throws -> Void = { _ in }) async throws {
        try await Sidecar.run(.init(socketPath: path)) { sidecar in
            let answer = try await sidecar.post(operation("a"))
            #expect(answer.status == 202)
            try await body(sidecar)
        }
    }

    @Test("a Unix socket works like a port, and is nobody else's")
    func works() async throws {
        try await withPath { path in
            try await serve(path) { sidecar in
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
                #expect(attributes[.type] as? FileAttributeType == .typeSocket)
                #expect(try await sidecar.get("/v1/operations").json["operations"]?.elements?.count == 1)
                // No browser reaches it, so it has no use for Host and Origin.
                #expect(try await sidecar.send(.GET, "/healthz", fields: [("Host", "evil.example")]).status == 200)
            }
        }
    }

    @Test("a token is asked on a socket too")
    func token() async throws {
        try await withPath { path in
            try await Sidecar.run(.init(token: "s3cret", socketPath: path)) { sidecar in
                try await sidecar.get("/v1/status").expectProblem(401)
            }
        }
    }

    @Test("the file that a server has left is replaced")
    func stale() async throws {
        try await withPath { path in
            try leave(path)
            #expect(FileManager.default.fileExists(atPath: path))
            try await serve(path)
            try await serve(path)
        }
    }

    @Test("a server that has ended leaves no file behind, and takes away none that is another's by now")
    func gone() async throws {
        try await withPath { path in
            try await serve(path) { _ in #expect(FileManager.default.fileExists(atPath: path)) }
            #expect(!FileManager.default.fileExists(atPath: path))
            try await serve(path + "2") { _ in
                try await serve(path) { _ in #expect(rename(path + "2", path) == 0) }
                #expect(FileManager.default.fileExists(atPath: path))
            }
        }
    }

    @Test("a socket that is in use is refused by its path, and its owner goes on")
    func inUse() async throws {
        try await withPath { path in
            try await serve(path) { owner in
                await #expect {
                    try await serve(path)
                } throws: { error in
                    String(describing: type(of: error)) == "InUse" && "\(error)".contains(path) && "\(error)".contains("listen")
                }
                let answer = try await owner.get("/healthz")
                #expect(answer.status == 200)
            }
        }
    }

    @Test("a file that is no socket is refused and not touched")
    func otherFile() async throws {
        try await withPath { path in
            try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
            await #expect {
                try await serve(path)
            } throws: { error in
                "\(error)".contains("not a socket")
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("precious".utf8))
        }
    }
}
