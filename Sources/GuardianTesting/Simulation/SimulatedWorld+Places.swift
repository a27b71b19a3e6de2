import GuardianCore

extension SimulatedWorld {
    /// Every stored operation may be claimed or has exactly one reason why not; the census and the queue's explanation count the same
    /// (spec section 3.12).
    mutating func checkPlaces() async {
        do throws(StoreError) {
            let situation = try await Explanation.Situation(of: store, at: moment.wall, for: configuration)
            let census = try await store.census(at: situation.now)
            var counted = Census()
            counted.dueSince = census.dueSince
            for operation in try await store.list(OperationFilter(limit: 1000)) {
                guard let standing = try await store.standing(of: operation.id) else {
                    return judge.violated("\(operation.id) is listed and stands nowhere")
                }
                judge.compare(.of(standing, situation), standing, situation)
                count(standing, in: &counted)
            }
            if script.operations <= 1000, counted != census { judge.violated("census: \(census), counted one by one: \(counted)") }
            if (census.due > 0) != (census.dueSince != nil) { judge.violated("due since: \(census)") }
            let queue = QueueExplanation.of(census, situation)
            if queue.claimable + queue.reasons.values.reduce(0, +) != census.pending + census.leased + census.failed {
                judge.violated("explain: one reason each is not what the queue has: \(queue)")
            }
        } catch {
            judge.violated("census: \(error)")
        }
    }

    private func count(_ standing: Standing, in census: inout Census) {
        let operation = standing.operation
        switch operation.status {
        case .failed: census.failed += 1
        case .processing: census.leased += 1
        case .pending where !standing.isHead: census.behind += 1
        case .pending where standing.isAwaiting: census.awaiting += 1
        case .pending where standing.isParked: census.parked += 1
        case .pending:
            let due = operation.nextRetryAt ?? operation.notBefore
            if let due, due > moment.wall {
                if operation.nextRetryAt == nil { census.notBefore += 1 } else { census.backoff += 1 }
            } else {
                census.due += 1
            }
        }
    }
}
