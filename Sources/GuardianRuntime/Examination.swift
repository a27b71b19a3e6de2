import GuardianCore
import GuardianHTTP
import GuardianSQLite

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// What `guardian doctor` looks at: each thing the sidecar needs, one finding each, with what to do about it.
package struct Examination: Sendable {
    package enum Verdict: String, Sendable {
        case holds = "ok"
        case warns = "warning"
        case fails = "failed"
    }

    package struct Finding: Sendable {
        package var check: String
        package var verdict: Verdict
        package var detail: String

        package init(_ check: String, _ verdict: Verdict, _ detail: String) {
            self.check = check
            self.verdict = verdict
            self.detail = detail
        }
    }

    /// Bytes below which the disk is a worry.
    static let leastFreeBytes: Int64 = 256 << 20
    /// 2026-01-01: a clock before this build was made is wrong.
    static let earliest = Timestamp(milliseconds: 1_767_225_600_000)

    let assembly: Assembly
    var settings: Settings { assembly.settings }

    package init(_ settings: Settings) { assembly = Assembly(settings) }

    /// Looks at all of it; changes nothing, but that it asks for a credential for real, and keeps the refresh token that comes with it.
    ///
    /// With `sendingToSentry` a test event goes to Sentry, and there must be a DSN.
    package func run(sendingToSentry: Bool = false) async -> [Finding] {
        var findings = [configuration(), directory(), disk(), clock()]
        findings += await store()
        if assembly.isStoredInFile { findings.append(Self.sqlite(.current)) }
        findings += [token(), secrets(), await auth(), await upstream(), log()]
        if let sentry = await sentry(sending: sendingToSentry) { findings.append(sentry) }
        return findings
    }

    private func configuration() -> Finding {
        // What log and Sentry lack has findings of its own.
        let defects = assembly.defects().filter { !$0.key.hasPrefix("log.") && !$0.key.hasPrefix("sentry.") }
        guard defects.isEmpty else { return Finding("config", .fails, defects.map(\.description).joined(separator: "; ")) }
        let set = settings.lines.count { $0.source != Settings.Source.defaults.rawValue }
        return Finding("config", .holds, "\(set) of \(settings.lines.count) keys set; the rest are defaults")
    }

    private func directory() -> Finding {
        let path = settings.text("data_dir")
        guard FileManager.default.fileExists(atPath: path) else {
            return Finding("data_dir", .warns, "\(path) is not there yet; `guardian serve` makes it")
        }
        guard FileManager.default.isWritableFile(atPath: path) else {
            return Finding("data_dir", .fails, "\(path) can't be written; check its owner and mode")
        }
        guard let mode = SQLiteStore.mode(of: path), mode & 0o077 == 0 else {
            return Finding("data_dir", .warns, "\(path) can be read by others; run: chmod 700 \(path)")
        }
        // A copy that was put back by hand has whatever mode its maker had.
        for file in assembly.isStoredInFile ? [assembly.storePath, assembly.storePath + "-wal"] : [] {
            guard let mode = SQLiteStore.mode(of: file), mode & 0o077 != 0 else { continue }
            return Finding("data_dir", .warns, "nothing but its directory keeps others from reading \(file); run: chmod 600 \(file)")
        }
        return Finding("data_dir", .holds, path)
    }

    private func disk() -> Finding {
        let path = settings.text("data_dir")
        let existing = FileManager.default.fileExists(atPath: path) ? path : "."
        guard let free = SQLiteStore.freeBytes(at: existing) else { return Finding("disk", .warns, "free space is unknown") }
        let text = "\(free >> 20) MiB free"
        return Finding("disk", free < Self.leastFreeBytes ? .warns : .holds, free < Self.leastFreeBytes ? text + "; make room" : text)
    }

    private func clock() -> Finding {
        let now = SystemClock().now.wall
        return now < Self.earliest
            ? Finding("clock", .fails, "\(now) is in the past; set the clock, or retries and the ledger's window are wrong")
            : Finding("clock", .holds, now.rfc3339)
    }

    private func store() async -> [Finding] {
        guard !assembly.isStoredInFile || FileManager.default.fileExists(atPath: assembly.storePath) else {
            return [Finding("store", .warns, "\(assembly.storePath) is not there yet; `guardian serve` makes it")]
        }
        let store: any OpenedStore
        do throws(StoreError) { store = try await assembly.openStore() } catch { return [Finding("store", .fails, error.description)] }
        var findings: [Finding] = []
        do throws(StoreError) {
            let report = try await store.check()
            findings.append(
                Finding(
                    "store", .holds,
                    "\(assembly.storeName): \(report.pending) pending, \(report.processing) processing, \(report.failed) failed"))
            findings.append(
                report.problems.isEmpty
                    ? Finding("integrity", .holds, "the books balance, every line has its head")
                    : Finding("integrity", .fails, report.problems.joined(separator: "; ") + "; run `guardian rebuild-index`"))
            let (text, isDurable) = try await store.durabilityForPeople()
            findings.append(
                Finding(
                    "durability", isDurable ? .holds : .fails,
                    "\(text): an answer \(isDurable ? "comes" : "does not come") after its fsync"))
            findings.append(try await sealing(store))
            let lock = try await store.lockState()
            findings.append(
                Finding(
                    "lock", .holds, lock.map { "held by \($0.fence.owner), heartbeat \($0.heartbeatAt)" } ?? "free: nobody delivers now"))
            let pauses = try await store.loadControl().pauses.map(\.rawValue).sorted()
            findings.append(
                pauses.isEmpty
                    ? Finding("delivery", .holds, "not paused")
                    : Finding("delivery", .warns, "paused (\(pauses.joined(separator: ", "))); `guardian resume` goes on"))
            try store.shut()
        } catch {
            findings.append(Finding("integrity", .fails, error.description))
        }
        return findings
    }

    /// Which library writes the file. A bug that shows only when several processes copy the log at one moment is told, and is no warning:
    /// as a rule there is no newer library to be had for the system.
    static func sqlite(_ version: SQLiteVersion) -> Finding {
        guard version.hasResetBug else { return Finding("sqlite", .holds, "SQLite \(version.text)") }
        return Finding(
            "sqlite", .holds,
            "SQLite \(version.text) has the WAL-reset bug (sqlite.org/wal.html#walresetbug); one process alone keeps clear of it, several "
                + "that write to one file want 3.51.3 or newer")
    }

    private func token() -> Finding {
        do {
            let asked = try settings.secret("token_file") != nil
            return Finding("token", .holds, asked ? "callers of the API must send the token" : "callers of the API need no token")
        } catch {
            return Finding("token", .fails, "\(error)")
        }
    }

    private func secrets() -> Finding {
        let open = assembly.openSecrets
        return open.isEmpty
            ? Finding("secrets", .holds, "no file with a secret can be read by others")
            : Finding("secrets", .warns, open.joined(separator: "; "))
    }

    /// Gets a credential as delivery would, and says when it expires; never what it is.
    private func auth() async -> Finding {
        let kind = settings.text("upstream.auth.kind")
        do {
            guard let provider = try assembly.tokens() as? any IssuingTokens else {
                return Finding("auth", .holds, "\(kind): requests carry no credentials")
            }
            let issued = try await provider.issued()
            let whose = issued.token.principal == nil ? "a credential of nobody's in particular" : "a credential of a principal's"
            guard let end = issued.expiresAt else { return Finding("auth", .holds, "\(kind): \(whose); nobody says when it expires") }
            let left = (end.milliseconds - SystemClock().now.wall.milliseconds) / 1000
            return left > 0
                ? Finding("auth", .holds, "\(kind): \(whose), expires \(end) (in \(left) s)")
                : Finding("auth", .warns, "\(kind): \(whose), expired \(end) by this machine's time; delivery pauses when it is refused")
        } catch let error as TokenError where error.isTransient {
            return Finding("auth", .warns, "\(kind): \(error.message); delivery waits for it")
        } catch let error as TokenError {
            return Finding("auth", .fails, "\(kind): \(error.message)")
        } catch {
            return Finding("auth", .fails, "\(error)")
        }
    }

    /// Any answer of the upstream's will do: what counts is that one comes.
    private func upstream() async -> Finding {
        let url = settings.text("upstream.url")
        do {
            switch try await HTTPTransport.probe(try assembly.transportConfiguration(deviceID: ""), timeoutMs: 5000) {
            case .accepted(let answer), .refused(_, let answer): return Finding("upstream", .holds, "\(url) answers (\(answer.status))")
            case .unanswered(.tls, let detail): return Finding("upstream", .fails, "\(url): \(detail)")
            case .unanswered(let failure, let detail):
                return Finding("upstream", .warns, "\(url): \(failure.rawValue): \(detail); operations wait until it answers")
            case .unsendable, .interrupted, .shared: return Finding("upstream", .warns, "\(url) was not asked")
            }
        } catch {
            return Finding("upstream", .fails, "\(error)")
        }
    }
}
