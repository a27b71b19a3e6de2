import GuardianCore
import GuardianTelemetry

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

extension Examination {
    /// Where the log is, and whether it can be written.
    func log() -> Finding {
        guard let path = settings.logFile else {
            return Finding("log", .holds, "stderr only: log.file is off, so there is nothing to search")
        }
        let directory = (path as NSString).deletingLastPathComponent
        if let defect = assembly.logFileDefect { return Finding("log", .fails, defect.message) }
        if FileManager.default.fileExists(atPath: path), !FileManager.default.isWritableFile(atPath: path) {
            return Finding("log", .fails, "\(path) can't be written; check its owner and mode")
        }
        if !directory.isEmpty, FileManager.default.fileExists(atPath: directory), !FileManager.default.isWritableFile(atPath: directory) {
            return Finding("log", .fails, "\(directory) can't be written; check its owner and mode")
        }
        let least = settings.bytes("log.min_free") ?? 0
        if let free = LogFile.freeBytes(at: directory), free < least {
            return Finding("log", .warns, "\(path) is not written: \(free >> 20) MiB are free, log.min_free is \(least >> 20) MiB")
        }
        return Finding("log", .holds, path)
    }

    /// Whether there is a DSN, and, when asked, what Sentry says to a test event. nil when nobody wants Sentry.
    func sentry(sending: Bool) async -> Finding? {
        let configuration: SentryConfiguration
        do {
            guard let found = try assembly.sentryConfiguration() else {
                return sending ? Finding("sentry", .fails, "no DSN: set sentry.dsn_file to a file that holds it") : nil
            }
            configuration = found
        } catch {
            return Finding("sentry", .fails, "\(error)")
        }
        guard sending else {
            return Finding("sentry", .holds, "events go to \(configuration.dsn); `guardian doctor --sentry` sends one")
        }
        switch await SentryProbe(configuration).send(at: SystemClock().now.wall) {
        case .taken(let id): return Finding("sentry", .holds, "\(configuration.dsn) took the test event \(id)")
        case .refused(let why): return Finding("sentry", .fails, "\(configuration.dsn): \(why); check the DSN and the project")
        case .limited(let seconds):
            return Finding("sentry", .warns, "\(configuration.dsn) takes no events for \(seconds) s: its rate limit")
        case .unreachable(let why): return Finding("sentry", .warns, "\(why); events wait on disk")
        }
    }
}
