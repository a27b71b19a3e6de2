import GuardianCore
import GuardianHTTP
import Testing

@Suite struct RouteTests {
    private func path(_ template: String, id: String = "r1", payload: String? = "{}") throws -> String {
        let route = Route(operation: "update", entity: "room", method: "PUT", path: template)
        return try RouteTable.path(of: route, for: try claimed(id: id, payload: payload).operation)
    }

    /// Template, entity id, payload, path.
    static let paths: [(String, String, String, String)] = [
        ("/rooms", "r1", "{}", "/rooms"),
        ("/rooms/{id}", "r1", "{}", "/rooms/r1"),
        ("/rooms/{entity_id}/state", "r1", #"{"entity_id":"other"}"#, "/rooms/r1/state"),
        ("/homes/{home_id}", "r1", #"{"home_id":"a"}"#, "/homes/a"),
        ("/homes/{home_id}", "r1", #"{"homeId":"a"}"#, "/homes/a"),
        ("/homes/{homeId}", "r1", #"{"home_id":7}"#, "/homes/7"),
        ("/homes/{homeId}", "r1", #"{"homeId":"exact","home_id":"other"}"#, "/homes/exact"),
        ("/rooms/{room_id}", "r1", #"{"name":"Lab"}"#, "/rooms/r1"),
        // The upstream has named it r1 since the app wrote the payload.
        ("/rooms/{room_id}", "r1", #"{"room_id":"local"}"#, "/rooms/r1"),
        ("/rooms/{roomId}/state", "r1", #"{"roomID":"local","room_id":"local"}"#, "/rooms/r1/state"),
        ("/rooms/{roomId}/state", "r1", #"{"room_id":null}"#, "/rooms/r1/state"),
        ("/u/{user_id}/rooms/{room_id}", "r1", #"{"user_id":"u9"}"#, "/u/u9/rooms/r1"),
        ("/u/{user_id}/rooms/{id}", "r1", #"{"user_id":"u9"}"#, "/u/u9/rooms/r1"),
        ("/rooms/{id}?full={full}", "r1", #"{"full":"yes&no=1"}"#, "/rooms/r1?full=yes%26no%3D1"),
        ("/rooms/{id}", "a b/c?d#e%2F", "{}", "/rooms/a%20b%2Fc%3Fd%23e%252F"),
        ("/rooms/{id}", "é漢🙂", "{}", "/rooms/%C3%A9%E6%BC%A2%F0%9F%99%82"),
        ("/rooms/{id}", "-._~", "{}", "/rooms/-._~"),
        ("/rooms/{id}", "a..b", "{}", "/rooms/a..b"),
        ("/rooms/{id}", "%2e%2e", "{}", "/rooms/%252e%252e"),
        ("/rooms/{id}", "../../admin", "{}", "/rooms/..%2F..%2Fadmin"),
        ("/rooms/{id}", "a\\..\\b", "{}", "/rooms/a%5C..%5Cb"),
        ("/rooms/{id}", "{id}", "{}", "/rooms/%7Bid%7D"),
    ]

    @Test("parameters come from the entity or the payload, in both spellings, and can't leave their segment", arguments: paths)
    func path(template: String, id: String, payload: String, expected: String) async throws {
        #expect(try path(template, id: id, payload: payload) == expected)
        // Whatever the client does to a URL, this is what goes out.
        try await WireServer.run { server in
            let claim = try claimed(id: id, payload: payload)
            let outcome = try await deliver(claim, to: server.url) {
                $0.routes = [Route(operation: "update", entity: "room", method: "PUT", path: template)]
            }
            #expect(outcome.word == "accepted")
            #expect(server.requests.map(\.target) == [expected])
        }
    }

    @Test("a parameter in the spelling of Swift is found too")
    func swiftSpelling() throws {
        #expect(try path("/homes/{home_id}", payload: #"{"homeID":"a"}"#) == "/homes/a")
    }

    @Test("the id of an entity is asked for by the name of its own type, and of no other, also of one that has no payload")
    func ownType() throws {
        let route = Route(operation: "*", entity: "*", method: "DELETE", path: "/falls/{fall_event_id}")
        for type in ["fall_event", "fall-event", "fallEvent"] {
            #expect(try RouteTable.path(of: route, for: claimed("delete", type, payload: nil).operation) == "/falls/r1", "\(type)")
        }
        for type in ["event", "fall", "fall_event_id", "fallevent"] {
            #expect(throws: Unroutable.self, "\(type)") {
                _ = try RouteTable.path(of: route, for: claimed("delete", type, payload: nil).operation)
            }
        }
    }

    /// Template, entity id, payload, code.
    static let refused: [(String, String, String?, String)] = [
        ("/rooms/{id}", "..", "{}", "BAD_PARAMETER"),
        ("/rooms/{id}", ".", "{}", "BAD_PARAMETER"),
        ("/homes/{home_id}", "r1", #"{"home_id":".."}"#, "BAD_PARAMETER"),
        ("/homes/{home_id}", "r1", #"{"home_id":""}"#, "BAD_PARAMETER"),
        ("/rooms/{home_id}", "r1", "{}", "MISSING_PARAMETER"),
        ("/rooms/{home_id}", "r1", #"{"home_id":null}"#, "MISSING_PARAMETER"),
        ("/rooms/{home_id}", "r1", #"{"home_id":{"a":1}}"#, "MISSING_PARAMETER"),
        ("/rooms/{home_id}", "r1", #"{"home_id":["a"]}"#, "MISSING_PARAMETER"),
        ("/rooms/{home_id}", "r1", #"{"nested":{"home_id":"a"}}"#, "MISSING_PARAMETER"),
        ("/rooms/{home_id}", "r1", nil, "MISSING_PARAMETER"),
    ]

    @Test("a parameter that is missing, or can't be part of a path, fails before anything is sent", arguments: refused)
    func refuses(template: String, id: String, payload: String?, code: String) async throws {
        try await WireServer.run { server in
            let claim = try claimed("delete", id: id, payload: payload)
            let outcome = try await deliver(claim, to: server.url) {
                $0.routes = [Route(operation: "delete", entity: "room", method: "DELETE", path: template)]
            }
            #expect(outcome.word == code)
            guard case .unsendable(let error) = outcome else { return }
            #expect(error.class == .permanent)
            let name = template.split(separator: "{").last?.dropLast() ?? ""
            #expect(error.message.contains("\"\(name)\""))
            #expect(server.connections == 0)
        }
    }

    @Test("segments of several parameters can't add up to a way out")
    func addsUp() {
        #expect(throws: Unroutable.self) {
            _ = try path("/rooms/{a}{b}/x", payload: #"{"a":".","b":"."}"#)
        }
    }

    @Test("the exact route wins, then any operation on the entity, then the operation on any entity, then any")
    func precedence() throws {
        let routes = [("update", "room"), ("*", "room"), ("update", "*"), ("*", "*")].map {
            Route(operation: $0.0, entity: $0.1, method: "POST", path: "/\($0.0)/\($0.1)")
        }
        for table in [RouteTable(routes), RouteTable(routes.reversed())] {
            for (type, entity, expected) in [
                ("update", "room", "/update/room"), ("delete", "room", "/*/room"), ("archive", "room", "/*/room"),
                ("update", "user", "/update/*"), ("archive", "user", "/*/*"),
            ] {
                #expect(table.route(for: try claimed(type, entity).operation)?.path == expected)
            }
        }
    }

    @Test("of two routes for the same pair the later wins, and what no route names stays REST")
    func later() throws {
        let table = RouteTable([
            Route(operation: "update", entity: "room", method: "PUT", path: "/1"),
            Route(operation: "update", entity: "room", method: "PATCH", path: "/2"),
        ])
        #expect(table.route(for: try claimed().operation)?.method == "PATCH")
        #expect(table.route(for: try claimed().operation)?.path == "/2")
        #expect(table.route(for: try claimed("create").operation)?.path == "/api/v1/rooms")
        #expect(table.route(for: try claimed("archive").operation) == nil)
    }

    @Test("create, update and delete are REST when nothing is set")
    func rest() throws {
        for (type, method, path) in [
            ("create", "POST", "/api/v1/rooms"), ("update", "PUT", "/api/v1/rooms/{id}"), ("delete", "DELETE", "/api/v1/rooms/{id}"),
        ] {
            let route = try #require(RouteTable().route(for: try claimed(type).operation))
            #expect(route.method == method)
            #expect(route.path == path)
        }
    }

    @Test(
        "entities are named in the plural",
        arguments: [
            ("room", "rooms"), ("fall_event", "fall_events"), ("heart_rate", "heart_rates"), ("battery", "batteries"), ("day", "days"),
            ("box", "boxes"), ("bus", "buses"), ("branch", "branches"), ("dish", "dishes"), ("Room", "Rooms"), ("y", "ys"),
        ])
    func plural(word: String, expected: String) throws {
        #expect(RouteTable().route(for: try claimed("create", word).operation)?.path == "/api/v1/\(expected)")
    }

    @Test("the health app's routes cover what it sends")
    func healthApp() throws {
        let table = RouteTable(Route.healthApp)
        for (type, entity, expected) in [
            ("update", "user", "PUT /api/v1/users/r1"), ("create", "room", "POST /api/v1/rooms"),
            ("create", "device", "POST /api/v1/devices"), ("update", "device_state", "PUT /api/v1/devices/r1/state"),
            ("create", "heart_rate", "POST /api/v1/heart-rates"),
            ("create", "blood_pressure", "POST /api/v1/blood-pressures"), ("create", "fall_event", "POST /api/v1/fall-events"),
            ("create", "automation", "POST /api/v1/automations"), ("update", "automation", "PUT /api/v1/automations/r1"),
            ("delete", "automation", "DELETE /api/v1/automations/r1"),
        ] {
            let operation = try claimed(type, entity).operation
            let route = try #require(table.route(for: operation))
            #expect("\(route.method) \(try RouteTable.path(of: route, for: operation))" == expected)
        }
    }

    @Test(
        "a route that can't make a URL of this origin is refused at the start",
        arguments: [".evil.example/x", "@evil.example/x", "rooms/{id}", "", "/rooms/{id", "/a b"])
    func refusesTemplate(path: String) {
        #expect(throws: HTTPConfigurationError.self) {
            let route = Route(operation: "*", entity: "*", method: "PUT", path: path)
            _ = try HTTPTransport(configuration: .init(url: "http://127.0.0.1:1", routes: [route], deviceID: "d"))
        }
    }

    @Test("an entity is found by the path that it is read under, and by no other")
    func entityAtPath() {
        let table = RouteTable([
            Route(operation: "update", entity: "device", method: "PUT", path: "/homes/{home_id}/devices/{id}"),
            Route(operation: "read", entity: "room", method: "GET", path: "/rooms/{entity_id}"),
            Route(operation: "update", entity: "user", method: "PUT", path: "/homes/{home_id}/users/{user_id}"),
        ])
        let types = ["room", "device", "battery", "user"]
        for (path, entity) in [
            ("/rooms/r1", EntityKey(type: "room", id: "r1")), ("/rooms/a%20b%2Fc?x=1", EntityKey(type: "room", id: "a b/c")),
            ("/homes/7/devices/d%C3%A9", EntityKey(type: "device", id: "dé")), ("/api/v1/batteries/9", EntityKey(type: "battery", id: "9")),
            ("/homes/7/users/u1", EntityKey(type: "user", id: "u1")),
        ] { #expect(table.entity(at: path, types: types) == entity) }
        for path in ["/rooms", "/rooms/", "/rooms/r1/x", "/homes/7/devices", "/api/v1/rooms/r1", "/rooms/%zz", "/rooms/%FF", ""] {
            #expect(table.entity(at: path, types: types) == nil, "\(path)")
        }
        #expect(table.entity(at: "/rooms/r1", types: ["device"]) == nil)
    }
}
