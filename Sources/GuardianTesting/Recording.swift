/// A list that only grows, and the tests that wait for it to. A value: its owner keeps it under a lock, and resumes whoever it is given
/// once the lock is open.
struct Recording<Element: Sendable>: Sendable {
    private struct Waiter: Sendable {
        var count: Int
        var wake: CheckedContinuation<Void, Never>
    }

    private(set) var elements: [Element] = []
    private var waiters: [Int: Waiter] = [:]
    /// Tickets whose holder was cancelled before it began to wait.
    private var cancelled: Set<Int> = []
    private var tickets = 0

    /// Returns those whose wait is over.
    mutating func add(_ element: Element) -> [CheckedContinuation<Void, Never>] {
        elements.append(element)
        let met = waiters.filter { $0.value.count <= elements.count }
        for ticket in met.keys { waiters[ticket] = nil }
        return met.values.map(\.wake)
    }

    /// A name for one wait.
    mutating func ticket() -> Int {
        tickets += 1
        return tickets
    }

    /// Returns whether the wait is over before it began.
    mutating func wait(_ ticket: Int, for count: Int, _ wake: CheckedContinuation<Void, Never>) -> Bool {
        if cancelled.remove(ticket) != nil || elements.count >= count { return true }
        waiters[ticket] = Waiter(count: count, wake: wake)
        return false
    }

    /// Ends a wait early.
    mutating func leave(_ ticket: Int) -> CheckedContinuation<Void, Never>? {
        guard let waiter = waiters.removeValue(forKey: ticket) else {
            cancelled.insert(ticket)
            return nil
        }
        return waiter.wake
    }
}

/// Keeps a ``Recording`` under its lock.
protocol Recorder: Sendable {
    associatedtype Element: Sendable
    func withRecording<Value: Sendable>(_ body: (inout Recording<Element>) -> Value) -> Value
}

extension Recorder {
    /// Returns once `count` elements are there, or the task is cancelled.
    func waitForElements(_ count: Int) async {
        let ticket = withRecording { $0.ticket() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { wake in
                if withRecording({ $0.wait(ticket, for: count, wake) }) { wake.resume() }
            }
        } onCancel: {
            withRecording { $0.leave(ticket) }?.resume()
        }
    }
}
