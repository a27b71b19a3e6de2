import GuardianCore
import Synchronization

/// A clock that stands still until a test moves it.
final class HandClock: TimeSource {
    private let moment = Mutex(Moment(steady: 0, wall: Timestamp(milliseconds: 1_767_225_600_000)))

    var now: Moment { moment.withLock { $0 } }

    func advance(seconds: Double) {
        moment.withLock {
            $0.steady += Int64(seconds * 1000)
            $0.wall = $0.wall.adding(milliseconds: Int64(seconds * 1000))
        }
    }

    func setWall(_ wall: Timestamp) { moment.withLock { $0.wall = wall } }

    func wait(untilSteady steady: Int64) async throws {
        while now.steady < steady {
            try Task.checkCancellation()
            await Task.yield()
        }
    }
}
