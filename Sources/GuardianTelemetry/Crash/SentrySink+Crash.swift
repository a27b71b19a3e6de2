import GuardianCore

extension SentrySink {
    /// Reports a process that ended without a word, with the stack where Swift's backtracer left one in `crashDirectory`.
    public func capture(_ unclean: RunMarker.Unclean, crashDirectory: String) {
        let trace = Backtrace.take(of: unclean.pid, in: crashDirectory)
        capture(
            .fatal, type: trace == nil ? "unclean_shutdown" : "crash",
            value: trace?.reason ?? "the process was gone without having ended: a crash, a kill or a power cut",
            fields: [
                .init("started_at", .string(unclean.startedAt.rfc3339)), .init("version", .string(unclean.version)),
                .init("pid", JSONValue(Int64(unclean.pid))),
            ], frames: trace?.frames ?? [], isHandled: false)
    }
}
