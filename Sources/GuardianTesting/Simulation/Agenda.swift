import GuardianCore

/// What is going to happen in a world, by time; what is due at the same time happens in the order in which it was put in.
struct Agenda {
    enum Item {
        /// The producer hands in operations `first..<end`, again if its first try was not acknowledged.
        case produce(Range<Int>)
        case start(process: Int)
        case tick(Incarnation)
        case input(Incarnation, Processor.Input)
        case storeCall(Incarnation, StoreCall)
        case arrive(Request)
        case attemptEnds(Request, Outcome)
        case looked(Request, Look)
        case fetched(Request, Fetch)
        case tokenAnswer(Incarnation)
        case thaw(process: Int)
        case trouble(Trouble)
        /// The app looks for endings to take; a follower reads the feed.
        case appLooks
        case feed
    }

    /// One life of one process.
    struct Incarnation: Equatable {
        var process: Int
        var life: Int
    }

    enum StoreCall {
        case acquireLock(owner: String, staleAfterMs: Int64)
        case renewLock(Fence)
        case releaseLock(Fence)
        case exchange(Exchange)
        case clampRetries
    }

    struct Request {
        var sender: Incarnation
        var claim: Claim
        var attempt: Int64
        var token: String?
        var sentAt: Int64
        var timeoutMs: Int64
        /// A second copy made by the network: nobody waits for its answer.
        var isCopy = false
    }

    enum Trouble {
        case freeze, clockJump, expireLogin, forceRelease, pause, resume, cancel, drain, askForUpgrade, breakTLS, switchUser, upgradeBuild,
            end, lift, otherWrites
    }

    private struct Entry {
        var at: Int64
        var number: Int
        var item: Item

        func isBefore(_ other: Entry) -> Bool { at != other.at ? at < other.at : number < other.number }
    }

    private var heap: [Entry] = []
    private var number = 0

    mutating func add(_ item: Item, at: Int64) {
        number += 1
        heap.append(Entry(at: at, number: number, item: item))
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (at: Int64, item: Item)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return (first.at, first.item) }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].isBefore(heap[least]) { least = child }
            if least == parent { return (first.at, first.item) }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
