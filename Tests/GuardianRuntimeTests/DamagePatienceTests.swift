import GuardianRuntime
import Testing

@Suite struct DamagePatienceTests {
    @Test("what can't be read is given up after twenty looks in a row that found damage, and not before")
    func isPatient() {
        var patience = DamagePatience()
        #expect(!patience.isTried)
        for _ in 0..<DamagePatience.looks {
            let isOver = patience.found()
            #expect(!isOver && patience.isTried)
        }
        let isOver = patience.found()
        #expect(isOver)
    }

    @Test("a look that finds the store sound begins the count anew")
    func beginsAnew() {
        var patience = DamagePatience()
        for _ in 0..<DamagePatience.looks { _ = patience.found() }
        patience.end()
        #expect(!patience.isTried)
        let isOver = patience.found()
        #expect(!isOver)
    }
}
