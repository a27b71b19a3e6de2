import GuardianCore

/// What outlives a restart beside the operations: pauses, holds, who is signed in.
extension Judge {
    /// The store has confirmed an exchange: what it says of the upstream, the pauses and the user stands from now on, before its claims.
    mutating func confirmed(_ exchange: Exchange, _ result: ExchangeResult) {
        if var health = exchange.health {
            // Said to the store only.
            health.endsPlague = false
            control.health = health
        }
        if let signedIn = exchange.signedIn { control.signedIn = signedIn }
        for (pause, isActive) in exchange.pauses { set(pause, isActive) }
        if result.pauses != control.pauses { violated("the store says \(names(result.pauses)), and not \(names(control.pauses))") }
    }

    mutating func set(_ pause: Pause, _ isActive: Bool) {
        if isActive { control.pauses.insert(pause) } else { control.pauses.remove(pause) }
    }

    /// What a processor reads that starts to deliver.
    mutating func loaded(_ loaded: Control) {
        if loaded.pauses != control.pauses { violated("a restart forgot \(names(control.pauses)): \(names(loaded.pauses))") }
        if loaded.health != control.health { violated("a restart forgot what was known of the upstream") }
        if loaded.signedIn != control.signedIn { violated("a restart forgot who is signed in") }
    }

    private func names(_ pauses: Set<Pause>) -> String {
        pauses.isEmpty ? "no pause" : pauses.map(\.rawValue).sorted().joined(separator: ", ")
    }

    /// Somebody asked for the lock. Whoever is dead does not keep it, nor what it had in hand.
    mutating func asked(_ answer: LockAnswer, before: LockState?, dead: Set<String>) {
        switch answer {
        case .heldBy(let state):
            if dead.contains(state.fence.owner) { violated("the lock is still held by \(state.fence.owner), which is dead") }
        case .acquired(let fence, let holder, let returned):
            if returned != claimed.count { violated("\(returned) claims came back with the lock, not \(claimed.count)") }
            if let holder, holder.fence.owner != fence.owner, dead.contains(holder.fence.owner) { crashed() }
            if let before, before.fence.epoch >= fence.epoch { violated("the epoch did not rise: \(before.fence) → \(fence)") }
            claimsReturned()
        }
    }
}
