import NIOCore
import NIOPosix
import Synchronization

/// How many requests are under way on each event loop. A request that begins on the one with the fewest finds a free connection there, and
/// spares all the steps from one loop's thread to another's.
final class LoopLoads: Sendable {
    private let loops = Array(MultiThreadedEventLoopGroup.singleton.makeIterator())
    private let loads: Mutex<[Int]>

    init() { loads = Mutex(Array(repeating: 0, count: loops.count)) }

    /// The loop for one more, and the number to ``end(_:)`` it by.
    func begin() -> (loop: any EventLoop, number: Int) {
        let number = loads.withLock { loads -> Int in
            let least = loads.indices.min { loads[$0] < loads[$1] } ?? 0
            loads[least] += 1
            return least
        }
        return (loops[number], number)
    }

    func end(_ number: Int) { loads.withLock { $0[number] -= 1 } }
}
