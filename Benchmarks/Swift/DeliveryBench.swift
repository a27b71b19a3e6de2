/// Delivery over HTTP, end to end.
struct DeliveryBench {
    let operations: Int

    func run(_ table: inout Table, only: String?) async throws {}
}
