import GuardianCore
import Hummingbird

extension API {
    /// Why one operation is not moving, or that it may go. One that has left the queue is 404, and the detail says how it ended.
    func explain(_ id: OperationID) async throws -> Response {
        do throws(SyncError) {
            return Self.json(.ok, try await engine.explain(id, room: configuration.room()).json)
        } catch {
            guard case .notFound = error else { throw Problem(error) }
            let ending: Ending?
            do throws(StoreError) { ending = try await store.ending(of: id) } catch { throw Problem(SyncError.store(error)) }
            var problem = Problem(error)
            if let ending { problem.detail += ": \(ending.explanation)" }
            throw problem
        }
    }

    /// What holds up the queue as a whole, in numbers.
    func explainQueue() async throws -> Response {
        do throws(SyncError) {
            return Self.json(.ok, try await engine.explainQueue(room: configuration.room()).json)
        } catch {
            throw Problem(error)
        }
    }
}
