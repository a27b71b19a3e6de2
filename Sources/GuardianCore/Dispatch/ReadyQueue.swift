/// Claims that wait for a worker: urgent ones (priority > 0) apart, both first in, first out.
struct ReadyQueue: Sendable {
    private(set) var urgent: [Claim] = []
    private(set) var normal: [Claim] = []
    private var urgentHead = 0
    private var normalHead = 0

    var urgentCount: Int { urgent.count - urgentHead }
    var normalCount: Int { normal.count - normalHead }
    var isEmpty: Bool { urgentCount + normalCount == 0 }

    mutating func add(_ claim: Claim) {
        if claim.operation.priority > 0 { urgent.append(claim) } else { normal.append(claim) }
    }

    mutating func takeUrgent() -> Claim? { Self.take(&urgent, &urgentHead) }

    mutating func takeNormal() -> Claim? { Self.take(&normal, &normalHead) }

    mutating func takeAll() -> [Claim] {
        let all = Array(urgent[urgentHead...]) + Array(normal[normalHead...])
        self = ReadyQueue()
        return all
    }

    func contains(where fits: (Claim) -> Bool) -> Bool {
        urgent[urgentHead...].contains(where: fits) || normal[normalHead...].contains(where: fits)
    }

    /// Takes out those that fit.
    mutating func take(where fits: (Claim) -> Bool) -> [Claim] {
        guard contains(where: fits) else { return [] }
        var taken: [Claim] = []
        for claim in takeAll() { if fits(claim) { taken.append(claim) } else { add(claim) } }
        return taken
    }

    private static func take(_ list: inout [Claim], _ head: inout Int) -> Claim? {
        guard head < list.count else { return nil }
        let claim = list[head]
        head += 1
        if head == list.count {
            list.removeAll(keepingCapacity: true)
            head = 0
        }
        return claim
    }
}
