import GuardianCore

extension SimulatedWorld {
    mutating func make(_ trouble: Agenda.Trouble) async {
        let process = Int.random(in: 0..<processes.count, using: &random)
        switch trouble {
        case .freeze:
            guard processes[process].processor != nil else { return }
            let until = delay(1000...300_000)
            processes[process].frozenUntil = until
            agenda.add(.thaw(process: process), at: until)
        case .clockJump: wallOffset += Int64.random(in: -3_600_000...3_600_000, using: &random)
        case .expireLogin: upstream.validToken += 1
        case .drain: deliver(.drain, to: .init(process: process, life: processes[process].life))
        case .askForUpgrade: upstream.asksForUpgrade = true
        case .breakTLS: upstream.tlsFailures += 1
        case .switchUser: switchUser()
        case .upgradeBuild: for process in processes.indices { deliver(.drain, to: .init(process: process, life: processes[process].life)) }
        case .forceRelease: await forceRelease()
        case .pause:
            await set(.operator, true)
            agenda.add(.trouble(.resume), at: delay(1000...120_000))
        case .resume: await set(.operator, false)
        case .cancel: await cancel()
        case .end:
            isTroubled = false
            await lift()
            // Whoever is left comes back in turn.
            if script.owned > 0 { for turn in 1...170 { agenda.add(.trouble(.switchUser), at: now + Int64(turn) * 120_000) } }
        case .lift: await lift()
        case .otherWrites: otherWrites()
        }
    }

    private mutating func switchUser() {
        user = user == "a" ? "b" : "a"
        for process in processes.indices { deliver(.tokenChanged, to: .init(process: process, life: processes[process].life)) }
    }

    /// What only a person can lift; a login that expired must heal by itself.
    private mutating func lift() async { for pause in Pause.allCases where pause != .auth { await set(pause, false) } }

    private mutating func set(_ pause: Pause, _ active: Bool) async {
        do throws(StoreError) {
            try await store.setPause(pause, to: active)
            judge.set(pause, active)
            if !active { judge.lifts += 1 }
        } catch { judge.violated("pause: \(error)") }
    }

    private mutating func forceRelease() async {
        do throws(StoreError) { if try await !store.forceReleaseLock().isEmpty { judge.claimsReturned() } } catch {
            judge.violated("force release: \(error)")
        }
        await checkStore()
    }

    private mutating func cancel() async {
        let index = Int.random(in: 0..<judge.records.count, using: &random)
        if judge.records[index].isAcknowledged { await cancel(index) }
    }

    mutating func cancel(_ index: Int) async {
        let record = judge.records[index]
        do throws(StoreError) {
            let answer = try await store.cancel(record.operation.id, now: moment.wall)
            judge.cancelled(index, answer, isApplied: upstream.hasApplied(record.operation.id))
            await checkEndings(nil)
        } catch { judge.violated("cancel: \(error)") }
        await checkStore()
    }
}
