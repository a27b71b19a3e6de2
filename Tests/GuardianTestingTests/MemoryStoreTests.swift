import GuardianTesting
import Testing

@Suite struct MemoryStoreTests {
    @Test("the memory store keeps the contract", arguments: StoreContract.checks)
    func contract(check: StoreContract.Check) async throws {
        let store = MemoryStore()
        try await StoreContract(store: store) { store.processDied(owner: $0) }.run(check)
    }
}
