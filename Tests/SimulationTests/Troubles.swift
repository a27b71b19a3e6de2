import GuardianTesting

/// Mixtures of troubles, each made for some of the guards.
enum Troubles: CaseIterable {
    case changes, house, sharing
    case crashes, gateway, portal, users, killer, upgrade, longOutage, cancels, oldVersion, expiredLogins

    var script: SimulatedWorld.Script {
        var script = SimulatedWorld.Script()
        script.operations = 30
        script.entities = 8
        script.troubleMs = 120_000
        script.pollMs = 2000
        script.serverErrors = 0.2
        script.lostAnswers = 0.2
        switch self {
        case .changes:
            script.optimistic = 0.8
            script.dependent = 0.7
            script.poison = 0.3
            script.cancellations = 4
            script.crashes = 0.02
            script.dated = 0.1
        case .house:
            script.localIDs = 0.4
            script.cancellations = 3
            script.crashes = 0.02
            script.duplicates = 0.1
            script.optimistic = 0.3
        case .sharing:
            script.entities = 4
            script.others = 20
            script.crashes = 0.02
            script.feedOutages = [20_000..<50_000]
        case .crashes:
            script.operations = 20
            script.crashes = 0.05
            script.freezes = 2
            script.forcedReleases = 2
            script.duplicates = 0.2
        case .gateway:
            // All at once: one that has nobody beside it when its answer comes is taken for poison, by the rule.
            script.operations = 40
            script.entities = 20
            script.produceWithinMs = 1
            script.gateways = [0..<60_000]
            script.serverErrors = 0
            script.lostAnswers = 0
            script.drains = 2
        case .portal: script.portals = [10_000..<100_000]
        case .users:
            script.owned = 0.8
            script.userSwitches = 6
            script.expiredLogins = 1
        case .killer:
            script.killers = 1
            script.drains = 1
        case .upgrade:
            script.lostAnswers = 0.4
            script.outdated = 0.8
            script.upgradeAt = 60_000
            script.produceWithinMs = 60_000
        case .longOutage:
            script.lostAnswers = 0.5
            script.produceWithinMs = 60_000
            script.outages = [60_000..<900_000]
            script.troubleMs = 900_000
            script.pollMs = 5000
            script.idempotencyWindowMs = 600_000
            script.keyMemoryMs = 700_000
        case .cancels:
            script.cancellations = 20
            script.lostAnswers = 0.4
        case .oldVersion: script.upgradesAsked = 3
        case .expiredLogins: script.expiredLogins = 3
        }
        return script
    }
}
