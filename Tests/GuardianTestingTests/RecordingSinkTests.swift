import GuardianCore
import GuardianTesting
import Testing

@Suite(.timeLimit(.minutes(5))) struct RecordingSinkTests {
    private static let time = Timestamp(milliseconds: 7)

    @Test("an event is found whether it was told before or after the test asked for it")
    func findsBoth() async {
        let sink = RecordingSink()
        sink.record(.breakerProbing, at: Self.time)
        let told = await sink.first { $0 == .breakerProbing }
        #expect(told?.event == .breakerProbing && told?.at == Self.time)
        async let later = sink.first { $0 == .breakerClosed }
        sink.record(.drained, at: Self.time)
        sink.record(.breakerClosed, at: Self.time)
        #expect(await later?.event == .breakerClosed)
        #expect(sink.events == [.breakerProbing, .drained, .breakerClosed])
    }

    @Test("as many as were asked for are given, the first ones, in order")
    func waitsForMany() async {
        let sink = RecordingSink()
        async let three = sink.wait(for: 3) { if case .lockAcquired = $0 { true } else { false } }
        for epoch in 1...5 {
            sink.record(.lockAcquired(epoch: Int64(epoch)), at: Self.time)
            sink.record(.drained, at: Self.time)
        }
        #expect(await three.map(\.event) == [.lockAcquired(epoch: 1), .lockAcquired(epoch: 2), .lockAcquired(epoch: 3)])
        #expect(sink.count { $0 == .drained } == 5)
    }

    @Test("many writers and many readers lose nothing", arguments: 1...5)
    func concurrent(round: Int) async {
        let sink = RecordingSink()
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask { for n in 0..<200 { sink.record(.lockAcquired(epoch: Int64(writer * 1000 + n)), at: Self.time) } }
            }
            for reader in 0..<8 {
                let wanted = Event.lockAcquired(epoch: Int64(reader * 1000 + 199))
                group.addTask { #expect(await sink.first { $0 == wanted } != nil) }
            }
            group.addTask { #expect(await sink.wait(for: 1600) { _ in true }.count == 1600) }
        }
    }
}
