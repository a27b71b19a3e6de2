package import GuardianCore

extension SimulatedWorld {
    /// Changes what passes between a processor and its world: how a test switches one guard off, to see whether the judge notices.
    ///
    /// The processor itself has no switches that make it unsafe. What it says here is what the judge takes for its word.
    package struct Meddling: Sendable {
        /// Of every processor that starts.
        package var configuration: @Sendable (inout ProcessorConfiguration) -> Void = { _ in }
        /// What a processor hears, before it hears it. The judge knows what was really said.
        package var hears: @Sendable (Processor.Input) -> Processor.Input = { $0 }
        /// What a processor does, before it is done.
        package var does: @Sendable (Processor.Action) -> [Processor.Action] = { [$0] }

        package init() {}
    }
}
