import GuardianSync

/// The app of docs/guides/first-app.md: `FirstApp URL DIRECTORY`.
@main
struct FirstApp {
    static func main() async throws {
        let arguments = CommandLine.arguments + ["http://127.0.0.1:8090", "first-app-data"].dropFirst(CommandLine.arguments.count - 1)
        let (url, directory) = (arguments[1], arguments[2])

        // open
        let store = try SQLiteStore.open(.init(path: directory + "/guardian.sqlite"))
        let transport = try HTTPTransport(configuration: .init(url: url, deviceID: try await store.deviceID()))
        let engine = SyncEngine(store: store, transport: transport)
        // end

        // deliver
        let delivery = Delivery(engine)
        delivery.start()
        // end

        // enqueue
        let room = NewOperation("update", entityType: "room", entityID: "kitchen", payload: #"{"name":"Kitchen","temperature":21}"#)
        let receipt = try await engine.enqueue(room)
        print("on disk: \(receipt.id), number \(receipt.seq)")
        // end

        // outcome
        switch try await engine.outcome(of: receipt.id) {
        case .processed: print("delivered")
        case .failed(let error): print("given up on: \(error.message)")
        case let other: print("ended otherwise: \(other)")
        }
        print("the kitchen is \(try await engine.state(of: EntityKey(type: "room", id: "kitchen")))")
        // end

        // stop
        await delivery.stop()
        await transport.shutdown()
        try store.close()
        // end
    }
}
