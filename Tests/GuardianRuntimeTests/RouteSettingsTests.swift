import Foundation
import GuardianCore
import GuardianHTTP
import GuardianRuntime
import Testing

/// What the YAML file says of routes, and how its scalars are read.
@Suite struct RouteSettingsTests {
    private func settings(_ yaml: String) throws -> Settings {
        let file = NSTemporaryDirectory() + "/guardian-routes-" + UUID().uuidString + ".yaml"
        defer { unlink(file) }
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        return try Settings(file: file)
    }

    private func complaint(_ yaml: String) -> String? {
        do {
            try Assembly(try settings(yaml)).validate()
            return nil
        } catch { return "\(error)" }
    }

    private static func operation(_ type: String, _ entity: String) -> GuardianCore.Operation {
        var random = SystemRandomNumberGenerator()
        return GuardianCore.Operation(
            id: .uuid(.v4(using: &random)), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: type,
            entity: EntityKey(type: entity, id: "1"), payload: "{}", enqueuedAt: Timestamp(milliseconds: 0))
    }

    @Test("the route of the specification's own example merges and coalesces")
    func specificationExample() throws {
        let assembly = Assembly(
            try settings(
                """
                upstream:
                  url: https://api.example.com
                  envelope: standard
                  timeout: 30s
                  connect_timeout: 10s
                  auth: { kind: none }
                  pins: []
                  allow_insecure: false
                  routes:
                    - { operation: update, entity: room, method: PUT, path: "/api/v1/rooms/{id}", conflict: merge, coalesce: true }
                retry: { base: 1s, max: 30s, max_attempts: 5 }
                """))
        try assembly.validate()
        let folds = try #require(try assembly.coalescing())
        #expect(folds(Self.operation("update", "room")))
        #expect(!folds(Self.operation("update", "device")))
        guard case .merge = try assembly.processorConfiguration().conflicts.policy(for: Self.operation("update", "room")) else {
            Issue.record("the route does not merge")
            return
        }
    }

    @Test("rules and keys of a merge, ids that the upstream gives, references and batches are read from the file")
    func everyKey() throws {
        let assembly = Assembly(
            try settings(
                """
                upstream:
                  routes:
                    - operation: "*"
                      entity: room
                      method: POST
                      path: /api/v1/rooms
                      conflict: merge
                      merge: { later: server, rules: { steps: max, tags: union }, keys: { readings: id } }
                      assigns_id: yes
                      coalesce: off
                      fields: [name, 7]
                      answers: { 404: success, 422: transient }
                      references: { owner_id: user }
                      batch: { path: /api/v1/batch, size: 50, linger: 2ms }
                """))
        let processor = try assembly.processorConfiguration()
        #expect(processor.assignsIDs == ["room"])
        #expect(try assembly.coalescing() == nil)
        guard case .merge(let merge) = processor.conflicts.policy(for: Self.operation("update", "room")) else {
            Issue.record("the route does not merge")
            return
        }
        #expect(merge.laterWriter == .server)
        let merged = merge.merged(
            base: ["steps": 1, "readings": []], local: ["steps": 9, "readings": [["id": 1]]], server: ["steps": 5, "readings": [["id": 2]]])
        #expect(merged.value["steps"] == 9)
        #expect(merged.value["readings"]?.elements?.count == 2)
        let route = try #require(try assembly.transportConfiguration(deviceID: "").routes.first)
        #expect(route.fields == ["name", "7"])
        #expect(route.batch?.size == 50)
        #expect(route.overrides.keys.sorted() == [404, 422])
    }

    @Test("a route waits by itself where the file says so, and makes the whole origin wait by default")
    func holds() async throws {
        let assembly = Assembly(
            try settings(
                """
                upstream:
                  routes:
                    - { operation: update, entity: room, method: PUT, path: "/api/v1/rooms/{id}", hold: route }
                    - { operation: update, entity: lamp, method: PUT, path: "/api/v1/lamps/{id}", hold: origin }
                    - { operation: update, entity: device, method: PUT, path: "/api/v1/devices/{id}" }
                """))
        try assembly.validate()
        let configuration = try assembly.transportConfiguration(deviceID: "")
        #expect(configuration.routes.map(\.hold) == [.route, .origin, .origin])
        let transport = try HTTPTransport(configuration: configuration)
        #expect(transport.holds.route(of: Self.operation("update", "room")) == "update room")
        for entity in ["lamp", "device", "other"] { #expect(transport.holds.route(of: Self.operation("update", entity)) == nil) }
        await transport.shutdown()
    }

    @Test("a scalar is what was written: no octal number, no word taken for false, no blank taken for a name")
    func scalars() throws {
        #expect(try settings("api: { socket_mode: 0660 }").text("api.socket_mode") == "0660")
        #expect(try settings("log: { file: off }").text("log.file") == "off")
        #expect(try settings("upstream: { auth: { client_id: 0123 } }").text("upstream.auth.client_id") == "0123")
        #expect(try settings("admin: { enabled: on }").text("admin.enabled") == "true")
        #expect(try settings("admin: { enabled: No }").text("admin.enabled") == "false")
        #expect(try settings("").text("workers") == "4")
    }

    @Test(
        "what a file can't mean is refused under its key",
        arguments: [
            ("data_dir:\n", "data_dir: has no value"), ("log: { file: ~ }", "log.file: has no value"),
            ("upstream: { routes: [{ method: PUT, path: /x, coalesce: maybe }] }", "coalesce: must be true or false"),
            (
                "upstream: { routes: [{ method: PUT, path: /x, hold: rout }] }",
                "upstream.routes[0].hold: must be one of origin, route; did you mean route?"
            ),
            ("upstream: { routes: [{ method: PUT, path: /x, hold: no }] }", "upstream.routes[0].hold: must be one of origin, route"),
            ("upstream: { routes: [{ method: PUT, path: /x, holds: route }] }", "holds: is not a known key; did you mean hold?"),
            ("upstream: { routes: [{ method: PUT, path: }] }", "upstream.routes[0]"),
            ("workers: [1, 2]", "workers: must be a single value"), ("upstream: { pins: [[a]] }", "upstream.pins: must be"),
            ("upstream.url: http://127.0.0.1:1\nupstream: { url: http://127.0.0.1:2 }", "upstream.url: is there twice"),
            ("upstream.auth: { kind: none }\nupstream: { auth: { kind: none } }", "upstream.auth.kind: is there twice"),
            ("upstream.routes: []\nupstream: { routes: [] }", "upstream.routes: is there twice"),
            ("upstream: http://127.0.0.1:1", "upstream: is a section; give what belongs in it, such as upstream.url"),
            ("upstream: { auth: [] }", "upstream.auth: is a section; give what belongs in it, such as upstream.auth.kind"),
            ("data_dir: ''", "data_dir: must be a path"),
        ])
    func refused(_ yaml: String, _ wanted: String) {
        #expect(complaint(yaml)?.contains(wanted) == true, "\(complaint(yaml) ?? "taken")")
    }

    @Test("a section or a list of which everything is commented out leaves the defaults")
    func emptySections() throws {
        let yaml = "upstream:\n  # url: https://a.example\n  auth:\n    # kind: command\n  routes:\nupcasters:\nretry: ~\nworkers: 9\n"
        let read = try settings(yaml)
        #expect(read.text("workers") == "9" && read.values["upstream.url"]?.source == .defaults)
        try Assembly(read).validate()
    }

    @Test(
        "a route that no operation can match, a second one for the same operations and a parameter without a name are refused",
        arguments: [
            ("operation: Update", "upstream.routes[0].operation: must be * or match [a-z0-9_-]{1,64}"),
            ("operation: [update]", "upstream.routes[0].operation: must be *"),
            ("operation: ''", "upstream.routes[0].operation: must be *"), ("entity: ro om", "upstream.routes[0].entity: must be *"),
            ("entity: { a: b }", "upstream.routes[0].entity: must be *"), ("path: '/x/{}'", "upstream.routes[0].path: must name"),
            ("operation: update }, { method: PUT, path: /y, operation: update", "upstream.routes[1]: is a second route for (update, *)"),
            ("keys: none }, { method: PUT, path: /y, entity: '*'", "upstream.routes[1]: is a second route for (*, *)"),
        ])
    func routes(_ members: String, _ wanted: String) {
        let path = members.hasPrefix("path") ? "" : "path: /x, "
        let told = complaint("upstream: { routes: [{ method: PUT, \(path)\(members) }] }")
        #expect(told?.contains(wanted) == true, "\(told ?? "taken")")
    }

    @Test("routes for one entity type under several operations, and wildcards beside them, are taken")
    func severalRoutes() throws {
        let yaml = """
            upstream:
              routes:
                - { operation: update, entity: Room-1, method: PUT, path: /a }
                - { operation: my_word-2, entity: Room-1, method: POST, path: /b }
                - { operation: "*", entity: Room-1, method: POST, path: /c }
                - { operation: update, entity: "*", method: POST, path: /d }
                - { method: POST, path: /e }
            """
        #expect(complaint(yaml) == nil)
    }
}
